# deploy [OVERLAY] [KUBECTL-ARGUMENT...]: `kubectl apply -k` for a cluster in which nobody opens what sops has
# sealed. It is opened here: a sealed Secret, or a SopsSecret, which becomes the Secrets that it describes. These
# exist in a pipe to kubectl only.

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

# documents WHICH: those of the rendered overlay that are `a namespace`, `sealed`, or `others`
documents() {
  awk -v RS='\n---\n' -v which="$1" '
    {
      text = "\n" $0 "\n"
      is = text ~ /\nkind: Namespace\n/ ? "a namespace" : text ~ /\nsops:\n/ ? "sealed" : "others"
    }
    is == which { sub(/\n$/, ""); print "---\n" $0 }
  ' <<< "$rendered"
}

# opened: the Secrets that the sealed document holds or describes. Values are in base64, as the cluster keeps them: so
# a secret that is no longer there is taken away, and an apply that changes nothing says so. The annotation lets
# sops-secrets-operator take the Secret over, should it come later.
opened() {
  documents sealed | sops decrypt --input-type yaml --output-type json /dev/stdin | jq '
    .metadata.namespace as $namespace
    | {
        apiVersion: "v1",
        kind: "List",
        items: [(if .kind == "Secret" then . + .metadata else .spec.secretTemplates[] end) | {
          apiVersion: "v1",
          kind: "Secret",
          type: (.type // "Opaque"),
          metadata: (
            {name, namespace: $namespace, labels, annotations: ((.annotations // {}) + {"sopssecret/managed": "true"})}
            | del(.. | nulls)
          ),
          data: ((.data // {}) + ((.stringData // {}) | map_values(@base64)))
        }]
      }
  '
}

opened > /dev/null || fail "nothing was applied: none of your age keys opens the secrets of $overlay."
if opened | jq -e '[.items[].data[] | @base64d | startswith("placeholder-")] | any' > /dev/null; then
  fail "nothing was applied: the secrets of $overlay are still the example's placeholders. Seal yours: nix run .#seal -- $overlay"
fi

# Those of kubectl's arguments that say which cluster: `get` understands no others of apply's.
where=()
previous=
for argument in "$@"; do
  case $previous in --context | --cluster | --kubeconfig | --server | --user) where+=("$previous=$argument") ;; esac
  case $argument in --context=* | --cluster=* | --kubeconfig=* | --server=* | --user=*) where+=("$argument") ;; esac
  previous=$argument
done

# holders NAMESPACE SECRET: the SopsSecrets in the cluster that describe the Secret
holders() {
  [ -n "$(kubectl "${where[@]}" api-resources --api-group=isindir.github.com --output name)" ] || return 0
  kubectl "${where[@]}" --namespace "$1" get sopssecrets.isindir.github.com --output json |
    jq --raw-output --arg secret "$2" '.items[] | select(any(.spec.secretTemplates[]; .name == $secret)) | .metadata.name'
}

# The operator would put back what it opened last, and take the Secret with it when its SopsSecret goes.
mapfile -t names < <(opened | jq --raw-output '.items[].metadata | "\(.namespace) \(.name)"')
for each in "${names[@]}"; do
  read -r namespace name <<< "$each"
  holder=$(holders "$namespace" "$name") || fail "nothing was applied: the cluster does not say who has its secrets in hand."
  [ -z "$holder" ] || fail "nothing was applied: here sops-secrets-operator opens the secrets, so kubectl apply -k $folder does it.
To do without the operator from now on, take its SopsSecret away and leave the Secret; then deploy again:
kubectl --namespace $namespace delete sopssecret ${holder//$'\n'/ } --cascade=orphan"
done

{
  documents "a namespace"
  echo ---
  opened
  documents others
} | kubectl apply -f - "$@"
