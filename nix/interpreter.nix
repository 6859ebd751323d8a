# The interpreter without its fat, for the image.
#
# It is a copy of the one in the binary cache, so nothing is compiled. Its new name is as long as the old one,
# so that the paths inside its binaries can be rewritten in place.
{ pkgs, python }:
let
  inherit (pkgs) lib;

  name = lib.replaceStrings [ "python3" ] [ "slimmed" ] python.name;

  # Debuggers, test suites, graphics, documentation, build and packaging tools, and modules that drag in
  # libraries which neither Mailroom nor its dependencies use.
  unused = [
    "_pydecimal.py" # stands in for lib-dynload/_decimal, which is there
    "_pyrepl"
    "config-*"
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
pkgs.runCommand name
  {
    nativeBuildInputs = [ pkgs.patchelf ];
    disallowedReferences = [
      python
      pkgs.bash
    ];
  }
  ''
    mkdir -p $out/bin
    cp -a ${python}/bin/${python.libPrefix} $out/bin/
    cp -a ${python}/lib $out/lib
    chmod -R u+w $out

    cd $out/lib/${python.libPrefix}
    rm -rf site-packages ${lib.concatStringsSep " " unused}
    find $out/lib -name '*.a' -delete
    find $out/lib -name pkgconfig -prune -exec rm -rf {} +
    find $out/lib -name __pycache__ -prune -exec rm -rf {} +

    # The build's own shell stands in subprocess.py; whoever has none has no use for it either.
    sed -i -E "s|${builtins.storeDir}/[^']*/bin/sh|/bin/sh|" subprocess.py
    # How the interpreter was built, compiler included, is of no use to a program that builds nothing.
    for data in _sysconfigdata_*.py; do echo 'build_time_vars = {}' > "$data"; done

    find $out -type f -exec grep -qF ${python} {} \; -print0 | LC_ALL=C xargs -0 -r sed -i "s|${python}|$out|g"

    # What was deleted takes its libraries along.
    find $out -type f \( -name '*.so*' -o -path "$out/bin/*" \) -exec patchelf --shrink-rpath {} \;

    # glibc looks for libgcc_s when a thread is ended, and aborts the process where it finds none. It looks only
    # where it lies itself, so the library is loaded from the start.
    patchelf --add-needed libgcc_s.so.1 --add-rpath ${lib.getLib pkgs.libgcc}/lib $out/bin/${python.libPrefix}

    # Hash-based bytecode is the same at every build, and is never looked at again.
    PYTHONHASHSEED=0 $out/bin/${python.libPrefix} -I -m compileall -q -j1 --invalidation-mode unchecked-hash $out/lib
  ''
