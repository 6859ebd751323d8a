# Mailroom as a program. Its `workshop` makes a Python with the dependencies, what checks the code, and more.
{ lib, python313 }:
let
  inherit (lib) fileset;
  python = python313;

  # from the one place that states it
  version = lib.head (
    lib.concatMap (
      line:
      let
        found = builtins.match ''__version__ = "([^"]+)"'' line;
      in
      if found == null then [ ] else found
    ) (lib.splitString "\n" (lib.readFile ../mailroom/__init__.py))
  );

  dependencies = with python.pkgs; [
    attrs
    cattrs
    environs
    urllib3
    vobject
  ];
in
python.pkgs.buildPythonApplication {
  pname = "mailroom";
  inherit version dependencies;
  pyproject = true;

  src = fileset.toSource {
    root = ../.;
    fileset = fileset.unions [
      ../LICENSE
      ../pyproject.toml
      (fileset.fileFilter (file: !file.hasExt "pyc") ../mailroom)
    ];
  };

  # The README is the wheel's long description, which nobody reads here: without it, editing it rebuilds nothing.
  postPatch = "touch README.md";

  build-system = [ python.pkgs.hatchling ];
  pythonImportsCheck = [ "mailroom" ];
  doCheck = false; # checks.tests runs the tests, so that editing a test does not rebuild the package

  passthru = {
    inherit python dependencies;
    workshop =
      extra:
      python.withPackages (
        ps:
        dependencies
        ++ [
          ps.hypothesis
          ps.mypy
          ps.pytest
        ]
        ++ extra
      );
  };

  meta = {
    description = "Files the sender of a labelled message for good";
    license = lib.licenses.mit;
    mainProgram = "mailroom";
    platforms = lib.platforms.unix;
  };
}
