#!/usr/bin/env bash
# triage.sh PYTHON: on the cluster that kubectl points at, and whose nodes have the image mailroom:kind, the secrets of an
# account in memory are sealed and deployed, and the pod must file the sender of a label. PYTHON is the image's interpreter.
set -euo pipefail
cd "$(dirname "$0")/../../.."
overlay=kustomize/overlays/kind
mkdir "$overlay"
trap 'rm -r "$overlay"' EXIT
sed "s|PYTHON|$1|" tests/deploy/kind/kustomization.yaml > "$overlay/kustomization.yaml"
printf '%s\n' fmu1-sandbox-token alex.moreau@mailroom.example sandbox-app-password | nix run .#seal -- kind
nix run .#deploy -- kind

logs() { kubectl --namespace mailroom logs deployment/mailroom --container mailroom; }
if ! kubectl --namespace mailroom rollout status deployment/mailroom --timeout=240s; then
  kubectl --namespace mailroom describe pods
  logs
  exit 1
fi
for _ in {1..60}; do
  if logs | grep '"event": "sender_filed"'; then
    kubectl delete -k "$overlay"
    exit
  fi
  sleep 1
done
logs
echo "the label was not triaged" >&2
exit 1
