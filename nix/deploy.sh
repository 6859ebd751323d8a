# deploy [OVERLAY] [KUBECTL-ARGUMENT...]: `kubectl apply -k` for a cluster without the operator that opens
# SopsSecrets. What the operator would do there is done here: each SopsSecret of the rendered overlay becomes
# the Secrets it describes. These exist in a pipe to kubectl only.

overlay=home
if [ $# -gt 0 ] && [[ $1 != -* ]]; then
  overlay=$1
  shift
fi

say() { printf '%s\n' "$*" >&2; }
fail() {
  say "deploy: $*"
  exit 1
}

while [ ! -e .sops.yaml ]; do
  [ "$PWD" != / ] || fail "start me inside a checkout of Mailroom: there is no .sops.yaml here or above."
  cd ..
done
folder=kustomize/overlays/$overlay
[ -d "$folder" ] || fail "there is no overlay $overlay: $folder is missing."

rendered=$(kubectl kustomize "$folder")

# documents KIND: those of the rendered overlay that are of the kind; `documents ! KIND...`: all the others
documents() {
  awk -v RS='\n---\n' -v kinds=" $* " '
    { match("\n" $0, /\nkind: [A-Za-z]+/); listed = index(kinds, " " substr($0, RSTART + 6, RLENGTH - 7) " ") > 0 }
    listed == (kinds !~ /^ ! /) { sub(/\n$/, ""); print "---\n" $0 }
  ' <<< "$rendered"
}

# opened: the Secrets that the sealed documents describe
opened() {
  documents SopsSecret | sops decrypt --input-type yaml --output-type json /dev/stdin | jq '
    .metadata.namespace as $namespace
    | {
        apiVersion: "v1",
        kind: "List",
        items: [.spec.secretTemplates[] | {
          apiVersion: "v1",
          kind: "Secret",
          type: (.type // "Opaque"),
          metadata: ({name, namespace: $namespace, labels, annotations} | del(.. | nulls)),
          stringData,
          data
        } | del(.. | nulls)]
      }
  '
}

opened > /dev/null || fail "nothing was applied: none of your age keys opens the secrets of $overlay."
if opened | jq -e '[.items[].stringData[] | startswith("placeholder-")] | any' > /dev/null; then
  fail "nothing was applied: the secrets of $overlay are still the example's placeholders. Seal yours: nix run .#seal"
fi

{
  documents Namespace
  echo ---
  opened
  documents ! Namespace SopsSecret
} | kubectl apply -f - "$@"
