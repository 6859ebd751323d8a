# The interpreter without its fat, for the image. It refers to nothing but itself.
#
# It is a copy of the one in the binary cache, so nothing is compiled. Its new name is as long as the old one,
# so that the paths inside its binaries can be rewritten in place.
{
  lib,
  runCommand,
  patchelf,
  libgcc,
  python,
}:
let
  name = lib.replaceStrings [ "python3" ] [ "slimmed" ] python.name;
  program = "bin/${python.libPrefix}";

  # Debuggers, test suites, graphics, documentation, build and packaging tools, and modules that drag in
  # libraries which neither Mailroom nor its dependencies use.
  unused = [
    "_pydecimal.py" # stands in for lib-dynload/_decimal, which is there
    "_pyrepl"
    "build-details.json"
    "config-*"
    "ctypes/macholib" # of macOS; one of its files is a shell script
    "curses"
    "dbm"
    "doctest.py"
    "ensurepip"
    "idlelib"
    "lib2to3"
    "pdb.py"
    "pydoc.py"
    "pydoc_data"
    "sqlite3"
    "test"
    "tkinter"
    "turtle*"
    "unittest"
    "venv"
    "xmlrpc"
    "lib-dynload/_bz2*"
    "lib-dynload/_ctypes_test*"
    "lib-dynload/_curses*"
    "lib-dynload/_dbm*"
    "lib-dynload/_gdbm*"
    "lib-dynload/_lzma*"
    "lib-dynload/_sqlite3*"
    "lib-dynload/_test*"
    "lib-dynload/_tkinter*"
    "lib-dynload/_uuid*"
    "lib-dynload/_xx*"
    "lib-dynload/readline*"
    "lib-dynload/xx*"
  ];
in
assert lib.assertMsg (
  name != python.name && lib.stringLength name == lib.stringLength python.name
) "the copy's name must be another one, and as long as ${python.name}";
runCommand name { nativeBuildInputs = [ patchelf ]; } ''
  shopt -s nullglob
  mkdir -p $out/bin
  cp -a ${python}/${program} $out/bin/
  cp -a ${python}/lib $out/lib
  chmod -R u+w $out

  cd $out/lib/${python.libPrefix}
  rm -rf site-packages ${lib.concatStringsSep " " unused}
  find $out/lib -name '*.a' -delete
  find $out/lib -name pkgconfig -prune -exec rm -rf {} +
  find $out/lib -name __pycache__ -prune -exec rm -rf {} +

  # The build's own shell stands in subprocess.py, a list of media types in mimetypes.py; whoever has none has no
  # use for them either.
  sed -i -E "s#${builtins.storeDir}/[^'\"]*(/bin/sh|/etc/mime\.types)#\1#" subprocess.py mimetypes.py
  # How the interpreter was built, compiler included, is of no use to a program that builds nothing.
  for data in _sysconfigdata_*.py; do echo 'build_time_vars = {}' > "$data"; done
  for data in _sysconfig_vars_*.json; do echo '{}' > "$data"; done # from Python 3.14 on

  { LC_ALL=C grep -rlZF ${python} $out || [ $? = 1 ]; } | # 1: there is none
    LC_ALL=C xargs -0 -r sed -i "s|${python}|$out|g"

  patchelf --add-rpath ${lib.getLib libgcc}/lib $out/${program}
  ${python}/${program} -I ${./libraries.py} $out $out/${program}

  # Hash-based bytecode is the same at every build, and is never looked at again.
  PYTHONHASHSEED=0 $out/${program} -I -OO -m compileall -q -j1 --invalidation-mode unchecked-hash $out/lib

  env -i LANG=C.UTF-8 $out/${program} -I -OO ${./self_contained.py}
''
