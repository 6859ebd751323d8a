{
  description = "Mailroom: one label on one message files its sender for good";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;

      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "aarch64-darwin"
      ];
      forAllSystems = f: lib.genAttrs systems (system: f nixpkgs.legacyPackages.${system} self.packages.${system});
    in
    {
      packages = forAllSystems (
        pkgs: _:
        let
          mailroom = pkgs.callPackage ./nix/package.nix { };
          interpreter = pkgs.callPackage ./nix/interpreter.nix { inherit (mailroom) python; };
          runtime = pkgs.callPackage ./nix/runtime.nix { inherit interpreter mailroom; };
        in
        {
          default = mailroom;
        }
        // lib.optionalAttrs pkgs.stdenv.hostPlatform.isLinux {
          inherit runtime;
          image = pkgs.callPackage ./nix/image.nix {
            inherit mailroom runtime;
            revision = self.rev or self.dirtyRev or "unknown";
          };
        }
      );

      apps = forAllSystems (pkgs: packages: import ./nix/apps.nix { inherit pkgs packages; });

      checks = forAllSystems (pkgs: packages: import ./nix/checks.nix { inherit pkgs packages; });

      devShells = forAllSystems (
        pkgs: packages: {
          default = pkgs.mkShellNoCC {
            packages = [
              (packages.default.workshop [ ])
              pkgs.age
              pkgs.jq
              pkgs.kubectl
              pkgs.kustomize
              pkgs.nixfmt
              pkgs.ruff
              pkgs.skopeo
              pkgs.sops
            ];
          };
        }
      );

      nixosModules.default = import ./nix/module.nix self;

      formatter = forAllSystems (pkgs: _: pkgs.nixfmt-tree);
    };
}
