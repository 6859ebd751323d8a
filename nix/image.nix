# The container image: the runtime and the CA certificates, no shell, one layer for each store path.
{
  pkgs,
  mailroom,
  runtime,
  revision,
}:
pkgs.dockerTools.buildLayeredImage {
  name = "mailroom";
  tag = mailroom.version;
  created = "1970-01-01T00:00:01Z"; # the same sources give the same digest, whenever they are built

  config = {
    # -I: neither the working directory nor variables of the interpreter decide what is imported
    Entrypoint = [
      "${runtime}/bin/python3"
      "-I"
      "-m"
      "mailroom"
    ];
    Env = [
      "LANG=C.UTF-8"
      "SSL_CERT_FILE=${pkgs.cacert}/etc/ssl/certs/ca-bundle.crt"
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
}
