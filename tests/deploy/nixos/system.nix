# The same by NixOS itself, which wants the real nixpkgs: `nix eval --raw --impure --file tests/deploy/nixos/system.nix`.
let
  flake = builtins.getFlake (toString ../../..);
  system = flake.inputs.nixpkgs.lib.nixosSystem {
    system = builtins.currentSystem;
    modules = [
      flake.nixosModules.default
      {
        services.mailroom = {
          enable = true;
          settings.MAILROOM_POLL_INTERVAL = 60;
          secrets.MAILROOM_JMAP_TOKEN = "/run/secrets/mailroom-token";
        };
      }
    ];
  };
in
system.config.systemd.units."mailroom.service".text
