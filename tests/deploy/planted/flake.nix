# Images that must not be built, and one that must: made by test_image_guard.py, which fills in where the inputs are.
{
  inputs.nixpkgs.url = "NIXPKGS";
  inputs.mailroom.url = "MAILROOM";
  inputs.mailroom.inputs.nixpkgs.follows = "nixpkgs";

  outputs =
    { nixpkgs, mailroom, ... }:
    let
      inherit (nixpkgs) lib;
      packagesOf =
        system:
        let
          pkgs = nixpkgs.legacyPackages.${system};
          inherit (mailroom.packages.${system}) default image runtime;
          inherit (default) python;

          # the image, with one file more in its runtime
          withFile =
            text:
            image.override {
              runtime = runtime.overrideAttrs (old: {
                buildCommand = old.buildCommand + "\necho '${text}' > $out/lib/planted\n";
              });
            };
          compiler = pkgs.runCommand "gcc-15.2.0" { } "install -D ${pkgs.writeText "gcc" ""} $out/bin/gcc";
          tool = pkgs.writeText "tool-1.0" "${pkgs.bash}/bin/bash";

          # the image, made from the interpreter after a change; its name keeps the length that interpreter.nix wants
          withPython =
            script:
            image.override {
              runtime = runtime.override {
                interpreter = runtime.interpreter.override {
                  python =
                    pkgs.runCommand python.name { nativeBuildInputs = [ pkgs.patchelf ]; } ''
                      cp -a ${python} $out
                      chmod -R u+w $out
                      { LC_ALL=C grep -rlZF ${python} $out || true; } | LC_ALL=C xargs -0 -r sed -i "s|${python}|$out|g"
                      cd $out/lib/${python.libPrefix}
                      ${script}
                    ''
                    // {
                      inherit (python) libPrefix;
                    };
                };
              };
            };
          compilersLibraries = pkgs.runCommand "gcc-15.2.0-lib" { } ''
            mkdir -p $out/lib
            ln -s ${lib.getLib pkgs.libgcc}/lib/libgcc_s.so.1 $out/lib/
            head -c 10000000 /dev/zero > $out/lib/libstdc++.so.6
          '';
          zlibThatKnowsAShell = pkgs.runCommand "zlib-1.3" { } ''
            mkdir -p $out/lib
            cp -L ${lib.getLib pkgs.zlib}/lib/libz.so.1 $out/lib/
            chmod u+w $out/lib/libz.so.1
            echo '${pkgs.bash}/bin/sh' >> $out/lib/libz.so.1
          '';
        in
        {
          shell = withFile "${pkgs.bash}/bin/sh";
          compiler = withFile "${compiler}/bin/gcc";
          python = withFile "${python}/bin/python3";
          indirect = withFile "${tool}";
          certificates = image.override { cacert = tool; };
          script = withPython "echo '#!${pkgs.bash}/bin/sh' > ctypes/script";
          library = withPython "for module in lib-dynload/_lzma*; do cp $module lib-dynload/also$(basename $module); done";

          # linked as nixpkgs links it: with libgcc_s out of the compiler's libraries, everywhere, and with libraries
          # that know where other packages are
          asNixpkgsLinks = withPython ''
            for binary in $out/bin/${python.libPrefix} lib-dynload/*.so; do
              patchelf --add-needed libgcc_s.so.1 $binary
              patchelf --set-rpath ${zlibThatKnowsAShell}/lib:${compilersLibraries}/lib:$(patchelf --print-rpath $binary) $binary
            done
            echo '{"prefix": "${pkgs.bash}"}' > _sysconfig_vars__linux.json
            sed -i -E 's|"[^"]*/etc/mime\.types"|"${pkgs.tzdata}/etc/mime.types"|' mimetypes.py
            grep -qF ${pkgs.tzdata} mimetypes.py
          '';
        };
    in
    {
      packages = lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] packagesOf;
    };
}
