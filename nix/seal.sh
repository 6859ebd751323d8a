# seal [OVERLAY]: asks for Mailroom's secrets and writes them, encrypted with sops for your age key, to
# kustomize/overlays/OVERLAY/secrets.enc.yaml (home, unless told): a Secret where the overlay has the component
# secrets-sops, a SopsSecret elsewhere. Secrets go from the terminal through pipes into sops: they are not shown,
# are in no argument or variable of a process, and touch no disk.

example=age1n76yc7zunewmggj6ng6zkt85hwj4d7dnw58quu0qeycstpps4q5ssmmns5
overlay=${1:-home}
file=kustomize/overlays/$overlay/secrets.enc.yaml

say() { printf '%s\n' "$*" >&2; }
fail() {
  say "seal: $*"
  exit 1
}

[ $# -le 1 ] && [[ $overlay =~ ^[a-z0-9-]+$ ]] || fail "usage: seal [OVERLAY]"
while [ ! -e .sops.yaml ]; do
  [ "$PWD" != / ] || fail "start me inside a checkout of Mailroom: there is no .sops.yaml here or above."
  cd ..
done
[ -d "${file%/*}" ] || fail "there is no overlay $overlay: ${file%/*} is missing."

# The age key: where sops looks for it. age-keygen makes it readable for its owner only.
case $OSTYPE in
  darwin*) default=$HOME/Library/Application\ Support/sops/age/keys.txt ;;
  *) default=${XDG_CONFIG_HOME:-$HOME/.config}/sops/age/keys.txt ;;
esac
keys=${SOPS_AGE_KEY_FILE:-$default}
if [ ! -e "$keys" ]; then
  mkdir -p "$(dirname "$keys")"
  age-keygen -o "$keys" 2> /dev/null
  say "Made an age key: $keys"
  say "Keep a copy of it in a safe place: without it, nobody can open what it seals."
fi
recipient=$(age-keygen -y "$keys" | head -n 1)
[ "$recipient" != "$example" ] || fail "$keys is the example's key, which everybody has. Set SOPS_AGE_KEY_FILE to one of your own."

if grep -q "$example" .sops.yaml; then
  rules=$(sed "s/$example/$recipient/" .sops.yaml)
  printf '%s\n' "$rules" > .sops.yaml
  say "Put your public key into .sops.yaml: $recipient"
elif ! grep -q "$recipient" .sops.yaml; then
  fail "your public key $recipient is not in .sops.yaml: add it (separated by a comma) if you are to open these secrets."
fi

ask() {
  printf '%s: ' "$1" >&2
  read -rs answer || fail "no answer."
  printf '\n' >&2
  [ -n "$answer" ] || [ "${2:-}" = optional ] || fail "$1 is empty."
}
# read -s is quiet only while it reads: what is typed or pasted before its question would be shown.
if [ -t 0 ]; then
  terminal=$(stty -g)
  trap 'stty "$terminal"' EXIT
  stty -echo
fi
say "Nothing that you type is shown."
ask "MAILROOM_JMAP_TOKEN (Settings > Privacy & Security > API tokens, scopes Email and Contacts)"
token=$answer
ask "MAILROOM_CARDDAV_USERNAME (Enter: none, the token does for contacts too; for CardDAV: your address)" optional
username=$answer
password=
if [ -n "$username" ]; then
  ask "MAILROOM_CARDDAV_PASSWORD (Settings > Privacy & Security > App passwords, access Contacts)"
  password=$answer
fi
unset answer

kind=SopsSecret
if grep -qE '^[^#]*components/secrets-sops([^a-z-]|$)' "${file%/*}/kustomization.yaml"; then kind=Secret; fi

# printf and read belong to the shell, so no process has a secret among its arguments. The keys are sorted, as
# kustomize will sort them: the seal covers the values in their order.
sealed=$(
  printf '%s\n' "$token" "$username" "$password" |
    jq -nR --arg kind "$kind" 'input as $token | input as $username | input as $password
    | "mailroom-secrets" as $name
    | {"app.kubernetes.io/name": "mailroom", "app.kubernetes.io/part-of": "mailroom"} as $labels
    | ((if $username == "" then {} else {
        MAILROOM_CARDDAV_PASSWORD: $password,
        MAILROOM_CARDDAV_USERNAME: $username
      } end) + {MAILROOM_JMAP_TOKEN: $token}) as $stringData
    | {name: $name, namespace: "mailroom", labels: $labels} as $metadata
    | if $kind == "Secret"
      then {apiVersion: "v1", kind: $kind, metadata: $metadata, stringData: $stringData}
      else {
        apiVersion: "isindir.github.com/v1alpha3",
        kind: $kind,
        metadata: $metadata,
        spec: {secretTemplates: [{name: $name, labels: $labels, stringData: $stringData}]}
      }
      end' |
    sops encrypt --filename-override "$file" --input-type json --output-type yaml /dev/stdin
)
asked='mac|MAILROOM_JMAP_TOKEN'
[ -z "$username" ] || asked="$asked|MAILROOM_CARDDAV_(USERNAME|PASSWORD)"
unset token username password

# What else was sealed there (where to notify) cannot be taken along unseen: not everybody who seals can open it.
left_out=$(
  grep -oE '^ +[A-Za-z0-9_.-]+: ENC\[' "$file" 2> /dev/null | sed -E 's/^ +([^:]+):.*/\1/' |
    grep -vxE "$asked" || true
)
printf '%s\n' "$sealed" > "$file"

say "Sealed for $recipient:"
printf '%s\n' "$file"
if [ -n "$left_out" ]; then
  say "It was sealed there before, and is not any more: ${left_out//$'\n'/, }. To put it back: sops edit $file"
fi
case $kind in
  Secret) say "Commit it together with .sops.yaml and push (Flux opens it), or: nix run .#deploy -- $overlay" ;;
  *) say "Commit it together with .sops.yaml, then: kubectl apply -k kustomize/overlays/$overlay (with the operator),
or: nix run .#deploy -- $overlay (without)." ;;
esac
