# The container image: the runtime, its interpreter and the CA certificates, no shell, one layer for each store path.
{
  lib,
  runCommand,
  writeText,
  dockerTools,
  cacert,
  mailroom,
  runtime,
  revision,
}:
let
  config = {
    # -I: neither the working directory nor variables of the interpreter decide what is imported
    # -OO: docstrings, which are for readers, are not kept in memory; runtime.nix compiles for that alone
    Entrypoint = [
      "${runtime}/bin/python3"
      "-I"
      "-OO"
      "-m"
      "mailroom"
    ];
    Env = [
      "LANG=C.UTF-8"
      # an arena for each thread takes most of a MiB, and gains nothing where only one runs at a time
      "MALLOC_ARENA_MAX=1"
      "SSL_CERT_FILE=${cacert}/etc/ssl/certs/ca-bundle.crt"
    ];
    ExposedPorts."8080/tcp" = { };
    User = "65532:65532";
    Labels = {
      "org.opencontainers.image.title" = "Mailroom";
      "org.opencontainers.image.description" = mailroom.meta.description;
      "org.opencontainers.image.source" = "https://github.com/mailroom/mailroom";
      "org.opencontainers.image.revision" = revision;
      "org.opencontainers.image.version" = mailroom.version;
      "org.opencontainers.image.licenses" = mailroom.meta.license.spdxId;
    };
  };

  guards = lib.fileset.toSource {
    root = ./.;
    fileset = lib.fileset.unions [
      ./closure.py
      ./image_content.py
    ];
  };

  # The names of what the image holds; not built while another store path is in it (what is inside the paths is
  # looked at by image_content.py, as a check: docs/cluster.md has the sizes). The graph is the one that
  # dockerTools (and closureInfo) reads: everything that the configuration refers to, and what that refers to.
  closure =
    runCommand "mailroom-closure"
      {
        __structuredAttrs = true;
        nativeBuildInputs = [ mailroom.python ];
        exportReferencesGraph.closure = [ (writeText "mailroom-config.json" (builtins.toJSON config)) ];
      }
      ''
        python3 ${guards}/closure.py "$NIX_ATTRS_JSON_FILE" > "''${outputs[out]}"
      '';
in
dockerTools.buildLayeredImage {
  inherit config;
  name = "mailroom";
  tag = mailroom.version;
  created = "1970-01-01T00:00:01Z"; # the same sources give the same digest, whenever they are built
  extraCommands = "cat ${closure}"; # so that the image, and what streams it, waits for its guard
}
// {
  inherit closure guards;
}
