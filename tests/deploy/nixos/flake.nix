# The unit that nix/module.nix makes of given.json, by as much of NixOS's module system as the module uses: test_nixos.py
# fills in where the inputs are. (On GitHub, NixOS itself is asked: ci.yml.)
{
  inputs.nixpkgs.url = "NIXPKGS";
  inputs.mailroom.url = "MAILROOM";
  inputs.mailroom.inputs.nixpkgs.follows = "nixpkgs";

  outputs =
    { nixpkgs, mailroom, ... }:
    let
      inherit (nixpkgs) lib;

      type = name: check: { inherit name check; };
      between =
        name: isOne: least: most:
        type "${name} from ${toString least} to ${toString most}" (x: isOne x && least <= x && x <= most);
      moduleSystem = {
        mkOption = option: option // { isOption = true; };
        mkEnableOption =
          _:
          moduleSystem.mkOption {
            type = moduleSystem.types.bool;
            default = false;
          };
        mkIf = condition: content: if condition then content else { };
        literalMD = text: text;
        types = {
          bool = type "true or false" lib.isBool;
          str = type "text" lib.isString;
          package = type "a package" lib.isDerivation;
          nullOr = inner: type "${inner.name}, or null" (x: x == null || inner.check x);
          enum = words: type "one of ${toString words}" (x: lib.elem x words);
          ints.between = between "a whole number" lib.isInt;
          numbers.between = between "a number" (x: lib.isInt x || lib.isFloat x);
          pathWith =
            { inStore, absolute }:
            assert absolute && !inStore;
            type "the absolute path of a file that is not in the store" (
              x: lib.isString x && lib.hasPrefix "/" x && !lib.hasPrefix builtins.storeDir x
            );
          submodule = module: type "settings" lib.isAttrs // { inherit (module) options; };
        };
      };

      # what stands for an option, or for all options below a name
      valueOf =
        where: option: given:
        if option.type.options or null != null then
          valueOf where option.type.options (if given == null then option.default else given)
        else if option.isOption or false then
          let
            value = if given == null then option.default or (throw "${where} is not set") else given;
          in
          if option.type.check value then value else throw "${where} must be ${option.type.name}"
        else
          let
            unknown = lib.subtractLists (lib.attrNames option) (lib.attrNames (if given == null then { } else given));
          in
          if unknown != [ ] then
            throw "there is no option ${where}.${lib.head unknown}"
          else
            lib.mapAttrs (
              name: each: valueOf "${where}.${name}" each (if given == null then null else given.${name} or null)
            ) option;

      evaluated = mailroom.nixosModules.default {
        lib = lib // moduleSystem;
        pkgs = nixpkgs.legacyPackages.x86_64-linux;
        config.services.mailroom = valueOf "services.mailroom" evaluated.options.services.mailroom (
          lib.importJSON ./given.json
        );
      };
      service = evaluated.config.systemd.services.mailroom;

      # as nixos/lib/systemd-lib.nix writes it
      lines =
        name: value:
        lib.concatMapStrings (each: "${name}=${if lib.isBool each then lib.boolToString each else toString each}\n") (
          lib.toList value
        );
      section = values: lib.concatStrings (lib.mapAttrsToList lines values);
    in
    {
      unit = ''
        [Unit]
        ${section {
          Description = service.description;
          Wants = toString service.wants;
          After = toString service.after;
        }}
        [Service]
        ${section {
          Environment = lib.mapAttrsToList (name: value: builtins.toJSON "${name}=${value}") service.environment;
        }}${section service.serviceConfig}'';
    };
}
