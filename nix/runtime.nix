# What the image runs: a virtual environment of Mailroom and its dependencies on the slimmed interpreter.
# The files are copied, because the packages themselves refer to the whole interpreter.
{
  lib,
  runCommand,
  interpreter,
  mailroom,
}:
let
  inherit (mailroom) python;
  # not a withPackages: that has the whole interpreter among its packages
  dependencies = lib.remove python (python.pkgs.requiredPythonModules mailroom.dependencies);
in
runCommand "mailroom-runtime-${mailroom.version}" { passthru = { inherit interpreter; }; } ''
  mkdir -p $out/bin
  ln -s ${interpreter}/bin/${python.libPrefix} $out/bin/python3
  echo 'home = ${interpreter}/bin' > $out/pyvenv.cfg

  packages=$out/${python.sitePackages}
  mkdir -p $packages
  for package in ${toString dependencies}; do
    cp -rL --no-preserve=mode $package/${python.sitePackages}/. $packages/
  done
  cp -r --no-preserve=mode ${mailroom}/${python.sitePackages}/mailroom* $packages/
  find $packages -name __pycache__ -prune -exec rm -rf {} +
  find $packages -type d -name tests -prune -exec rm -rf {} +
  # times are in UTC here, and cards without time zones: nothing reads the rules of the world's
  rm -rf $packages/pytz/zoneinfo $packages/dateutil/zoneinfo/*.tar.gz

  # as in interpreter.nix
  { LC_ALL=C grep -rlZF ${python} $packages || [ $? = 1 ]; } | # 1: there is none
    LC_ALL=C xargs -0 -r sed -i "s|${python}|${interpreter}|g"
  PYTHONHASHSEED=0 $out/bin/python3 -I -OO -m compileall -q -j1 --invalidation-mode unchecked-hash $packages
''
