# What the image runs: a virtual environment of Mailroom and its dependencies on the slimmed interpreter.
# The files are copied, because the packages themselves refer to the whole interpreter.
{ pkgs, mailroom }:
let
  inherit (mailroom) python;
  interpreter = import ./interpreter.nix { inherit pkgs python; };
  dependencies = python.withPackages (_: mailroom.dependencies);
in
pkgs.runCommand "mailroom-runtime-${mailroom.version}"
  {
    disallowedReferences = [
      dependencies
      mailroom
      python
      pkgs.bash
    ];
    passthru = { inherit interpreter; };
  }
  ''
    mkdir -p $out/bin $out/lib/${python.libPrefix}
    ln -s ${interpreter}/bin/${python.libPrefix} $out/bin/python3
    echo 'home = ${interpreter}/bin' > $out/pyvenv.cfg

    packages=$out/${python.sitePackages}
    cp -rL --no-preserve=mode ${dependencies}/${python.sitePackages} $packages
    cp -r --no-preserve=mode ${mailroom}/${python.sitePackages}/mailroom* $packages/
    find $packages -name __pycache__ -prune -exec rm -rf {} +
    find $packages -type d -name tests -prune -exec rm -rf {} +
    rm -f $packages/README.txt $packages/sitecustomize.py

    # as in interpreter.nix
    PYTHONHASHSEED=0 $out/bin/python3 -I -m compileall -q -j1 --invalidation-mode unchecked-hash $packages
  ''
