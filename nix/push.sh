# push [REPOSITORY [TAG...]]: sends the image to a registry and prints where to pull it from, by digest.
# Without a repository: ghcr.io/ and the path of this checkout's origin on GitHub, with the commit as tag.
# With a repository and no tag: by digest only. Log in first: skopeo login ghcr.io

say() { printf '%s\n' "$*" >&2; }
fail() {
  say "push: $*"
  exit 1
}

if [ $# -gt 0 ]; then
  repository=$1
  shift
  tags=("$@")
else
  origin=$(git remote get-url origin 2> /dev/null) || fail "this checkout has no origin: name the repository, as in ghcr.io/you/mailroom."
  [[ $origin =~ github\.com[:/]([^/]+/[^/]+)$ ]] || fail "origin is not on GitHub: name the repository, as in ghcr.io/you/mailroom."
  path=${BASH_REMATCH[1]%.git}
  repository=ghcr.io/${path,,}
  tags=("$(git rev-parse HEAD)")
  git diff --quiet HEAD || tags=() # what is not committed gets no commit's name
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# An OCI layout first: it fixes the digest before anything is sent. skopeo's policy is about pulled images, not ours.
"$MAILROOM_IMAGE_STREAM" 2> /dev/null > "$work/image.tar"
skopeo --insecure-policy copy --quiet "docker-archive:$work/image.tar" "oci:$work/layout:image"
digest=$(skopeo --insecure-policy inspect --format '{{.Digest}}' "oci:$work/layout:image")
bytes=$(skopeo --insecure-policy inspect --raw "oci:$work/layout:image" | jq '[.config.size, .layers[].size] | add')

send() {
  say "Sending $((bytes / 1000000)) MB to $1"
  skopeo --insecure-policy copy --quiet "oci:$work/layout:image" "docker://$1"
}
send "$repository@$digest"
for tag in "${tags[@]}"; do send "$repository:$tag"; done

printf '%s@%s\n' "$repository" "$digest"
