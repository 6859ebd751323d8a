# What `nix run` starts: Mailroom itself, and the three steps from a checkout to a cluster.
{ pkgs, packages }:
let
  inherit (pkgs) lib;

  app = program: description: {
    type = "app";
    inherit program;
    meta = { inherit description; };
  };
  script =
    name: description: arguments:
    app (lib.getExe (
      pkgs.writeShellApplication (
        {
          name = "mailroom-${name}";
          text = lib.readFile ./${name}.sh;
        }
        // arguments
      )
    )) description;
in
{
  default = app (lib.getExe packages.default) "Mailroom, as in `nix run . -- demo`";

  seal = script "seal" "Asks for the secrets and writes them into the overlay, encrypted" {
    runtimeInputs = [
      pkgs.age
      pkgs.coreutils
      pkgs.gnugrep
      pkgs.gnused
      pkgs.jq
      pkgs.sops
    ];
  };

  deploy = script "deploy" "Applies an overlay to a cluster that has no operator for its secrets" {
    runtimeInputs = [
      pkgs.gawk
      pkgs.jq
      pkgs.kubectl
      pkgs.sops
    ];
  };
}
// lib.optionalAttrs pkgs.stdenv.hostPlatform.isLinux {
  push = script "push" "Sends the image to a registry" {
    runtimeInputs = [
      pkgs.coreutils
      pkgs.git
      pkgs.jq
      pkgs.skopeo
    ];
    runtimeEnv.MAILROOM_IMAGE_STREAM = "${packages.image.stream}";
  };
}
