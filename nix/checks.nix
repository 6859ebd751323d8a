# What `nix flake check` builds besides the packages: the tests on the packaged code, ruff, mypy, the
# manifests, and for the image its content and a run of it.
{ pkgs, packages }:
let
  inherit (pkgs) lib;
  inherit (lib) fileset;
  mailroom = packages.default;
  python = mailroom.workshop [ ];
  pythonWithMailroom = mailroom.workshop [ (mailroom.python.pkgs.toPythonModule mailroom) ];

  # a derivation that succeeds or fails, in a writable copy of some of the sources
  check =
    name: files: inputs: script:
    pkgs.runCommand "mailroom-${name}"
      {
        nativeBuildInputs = inputs;
        src = fileset.toSource {
          root = ../.;
          fileset = fileset.unions files;
        };
      }
      ''
        cp -r $src source
        chmod -R u+w source
        cd source
        export HOME=$TMPDIR
        ${script}
        touch $out
      '';

  sources = fileset.fileFilter (file: !file.hasExt "pyc");
  code = sources ../mailroom;
  tests = sources ../tests;
  # the deployment's tests call nix, the live one a real account, and the README's would be run at each of its edits
  testsOfOtherThings = fileset.unions [
    ../tests/deploy
    ../tests/live
    (fileset.maybeMissing ../tests/unit/test_readme.py)
  ];
in
{
  # without ../mailroom: what is imported is the package, as it is installed; a Cyrus has no place in a sandbox
  tests =
    check "tests"
      [
        ../pyproject.toml
        ./settings.json
        (fileset.difference tests testsOfOtherThings)
      ]
      [ pythonWithMailroom ]
      ''
        export MAILROOM_WITHOUT_CYRUS=1
        python -m pytest -q -p no:cacheprovider
      '';

  lint =
    check "lint"
      [
        ../pyproject.toml
        code
        tests
      ]
      [ pkgs.ruff ]
      ''
        ruff check --no-cache .
        ruff format --no-cache --check .
      '';

  types =
    check "types"
      [
        ../pyproject.toml
        code
        tests
      ]
      [ python ]
      ''
        python -m mypy --cache-dir $TMPDIR/mypy
      '';

  # every overlay renders, and configures exactly what the code can be configured with
  manifests =
    check "manifests"
      [ ../kustomize ]
      [
        pythonWithMailroom
        pkgs.kustomize
      ]
      ''
        for overlay in kustomize/overlays/*; do
          kustomize build "$overlay" > rendered.yaml
          grep -q '^kind: Deployment$' rendered.yaml
        done
        python - <<'END'
        from pathlib import Path
        from mailroom.settings.variables import PUBLIC_DEFAULTS

        lines = Path("kustomize/overlays/home/mailroom.env").read_text().splitlines()
        keys = {line.partition("=")[0] for line in lines if line and not line.startswith("#")}
        assert keys == set(PUBLIC_DEFAULTS), keys ^ set(PUBLIC_DEFAULTS)
        END
      '';
}
// lib.optionalAttrs pkgs.stdenv.hostPlatform.isLinux {
  image-content = pkgs.runCommand "mailroom-image-content" { nativeBuildInputs = [ mailroom.python ]; } ''
    python3 ${packages.image.guards}/image_content.py ${packages.image}
    touch $out
  '';

  # the guard of the image refuses a shell, a compiler and the whole interpreter, each by name
  image-guard =
    let
      compiler = pkgs.writeText "gcc-15.2.0" "";
    in
    pkgs.runCommand "mailroom-image-guard"
      {
        __structuredAttrs = true;
        nativeBuildInputs = [ mailroom.python ];
        exportReferencesGraph.closure = [
          (pkgs.writeText "planted" "${packages.runtime} ${pkgs.bash} ${compiler} ${mailroom.python}")
        ];
      }
      ''
        if python3 ${packages.image.guards}/closure.py "$NIX_ATTRS_JSON_FILE" 2> told; then exit 1; fi
        cat told
        for intruder in ${pkgs.bash} ${compiler} ${mailroom.python}; do
          grep -qF "  ''${intruder#*-}, brought by" told
        done
        touch "''${outputs[out]}"
      '';

  image-demo = pkgs.runCommand "mailroom-image-demo" { } ''
    env -i ${packages.runtime}/bin/python3 -I -OO -m mailroom demo
    touch $out
  '';
}
