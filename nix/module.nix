# services.mailroom on NixOS. Its settings are those of docs/settings.md, as nix/settings.json has them from the code.
self:
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  table = lib.importJSON ./settings.json;
  cfg = config.services.mailroom;

  typeOf =
    setting:
    if setting ? oneOf then
      types.enum setting.oneOf
    else if setting ? between then
      (if setting.isWhole then types.ints else types.numbers).between (lib.head setting.between) (
        lib.last setting.between
      )
    else if lib.isBool setting.default then
      types.bool
    else
      types.str;

  # a path of Nix would be copied into the store, for everybody to read
  file = types.pathWith {
    inStore = false;
    absolute = true;
  };
  secret = name: type: {
    inherit type;
    example = "/run/secrets/${lib.toLower name}";
    description = "The file that holds ${name}; readable for root is enough.";
  };
  secrets = lib.filterAttrs (_: given: given != null) cfg.secrets;

  text = value: if lib.isBool value then lib.boolToString value else toString value;
  # systemd reads %d and the like in what a variable says
  verbatim = value: lib.replaceStrings [ "%" ] [ "%%" ] (text value);
  differing = lib.filterAttrs (name: value: text value != text table.settings.${name}.default) cfg.settings;
in
{
  options.services.mailroom = {
    enable = lib.mkEnableOption "Mailroom, which files the sender of a labelled message for good";

    package = mkOption {
      type = types.package;
      default = self.packages.${pkgs.stdenv.hostPlatform.system}.default;
      defaultText = lib.literalMD "the flake's package";
      description = "The package that has the command `mailroom`.";
    };

    settings = mkOption {
      default = { };
      example = {
        MAILROOM_POLL_INTERVAL = 60;
        MAILROOM_GROUP_FEED = "News";
      };
      description = "What differs from the defaults, by the names of docs/settings.md. Secrets have no place here.";
      type = types.submodule {
        options = lib.mapAttrs (
          name: setting:
          mkOption {
            type = typeOf setting;
            # a pod is probed from elsewhere, a machine is not
            default = if name == "MAILROOM_HEALTH_HOST" then "127.0.0.1" else setting.default;
            description = "See docs/settings.md.";
          }
        ) table.settings;
      };
    };

    secrets =
      lib.genAttrs table.secrets (name: mkOption (secret name file))
      // lib.genAttrs table.optionalSecrets (
        name: mkOption (secret name (types.nullOr file) // { default = null; })
      );
  };

  config = lib.mkIf cfg.enable {
    systemd.services.mailroom = {
      description = "Mailroom";
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];
      environment = {
        LANG = "C.UTF-8";
        MALLOC_ARENA_MAX = "1"; # as in the image
      }
      // lib.mapAttrs (_: verbatim) differing
      // lib.mapAttrs' (name: _: lib.nameValuePair "${name}_FILE" "%d/${name}") secrets;
      serviceConfig = {
        ExecStart = "${lib.getExe cfg.package} run";
        LoadCredential = lib.mapAttrsToList (name: given: "${name}:${given}") secrets;
        Restart = "on-failure";
        RestartSec = 30;
        TimeoutStopSec = 60; # the current cycle is finished within 30
        MemoryMax = "128M";

        DynamicUser = true;
        UMask = "0077";
        ProtectSystem = "strict";
        ProtectHome = true;
        ProtectProc = "invisible";
        ProcSubset = "pid";
        ProtectClock = true;
        ProtectControlGroups = true;
        ProtectHostname = true;
        ProtectKernelLogs = true;
        ProtectKernelModules = true;
        ProtectKernelTunables = true;
        PrivateDevices = true;
        PrivateUsers = true;
        NoNewPrivileges = true;
        CapabilityBoundingSet = "";
        KeyringMode = "private";
        LockPersonality = true;
        MemoryDenyWriteExecute = true;
        RestrictAddressFamilies = [
          "AF_INET"
          "AF_INET6"
          "AF_UNIX"
        ];
        RestrictNamespaces = true;
        RestrictRealtime = true;
        RestrictSUIDSGID = true;
        SystemCallArchitectures = "native";
        SystemCallErrorNumber = "EPERM";
        SystemCallFilter = [
          "@system-service"
          "~@privileged @resources"
        ];
      };
    };
  };
}
