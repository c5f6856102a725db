# What action.yml does: sign, attest, verify, one after the other; its inputs are in the environment.
# Every step leaves its reports, and a summary on the run's page, before it fails the job.
set -euo pipefail

# -P: without it Python imports first of all from the working directory, which is what somebody checked out.
vouchsafe() {
  PYTHONPATH="$ACTION/src" "$RUNNER_TEMP/vouchsafe/bin/python" -P -m vouchsafe.cli "$@"
}

# with NAME VALUE: a flag, where there is a value.
flags=()
with() {
  if [ -n "$2" ]; then flags+=("$1" "$2"); fi
}

# told NAME VERB COMMAND…: runs it; its words in the log, its cases in a report and in the summary.
code=0
told() {
  local name="$1" verb="$2" ended=0
  shift 2
  vouchsafe "$@" --output json > "$REPORTS/$name.json" 2> "$REPORTS/$name.log" || ended=$?
  cat "$REPORTS/$name.log" >&2
  vouchsafe ci report --title "vouchsafe.$name" --verb "$verb" --said "$REPORTS/$name.log" \
    --junit "$REPORTS/$name.xml" "$REPORTS/$name.json" > "$REPORTS/$name.txt"
  cat "$REPORTS/$name.txt"
  { printf '### %s\n\n```\n' "$verb" && cat "$REPORTS/$name.txt" && printf '```\n'; } >> "$GITHUB_STEP_SUMMARY"
  # A pull request may come before its image: who would sign is known even so.
  if [ "$DRY_RUN" = true ] && grep -q '"code": "no-such-image"' "$REPORTS/$name.json"; then ended=0; fi
  if [ "$code" = 0 ]; then code=$ended; fi
}

# What lies there already is an earlier run's, or was checked out: no report, and no way to write elsewhere.
mkdir -p "$REPORTS"
for name in sign attest verify; do
  rm -f "$REPORTS/$name.json" "$REPORTS/$name.log" "$REPORTS/$name.xml" "$REPORTS/$name.txt" "$REPORTS/$name.env"
done
image="$IMAGE"
if [ -n "$DIGEST" ]; then
  image="${IMAGE%@*}"
  case "${image##*/}" in *:*) image="${image%:*}" ;; esac
  image="$image@${DIGEST##*@}"
fi
if [ "$DRY_RUN" = auto ]; then
  case "${GITHUB_EVENT_NAME:-}" in pull_request*) DRY_RUN=true ;; *) DRY_RUN=false ;; esac
fi

with --key "$KEY"
with --trust-config "$TRUST_CONFIG"
with --signing-config "$SIGNING_CONFIG"
with --trusted-root "$TRUSTED_ROOT"
with --fulcio-url "$FULCIO_URL"
with --rekor-url "$REKOR_URL"
with --timestamp-url "$TIMESTAMP_URL"
with --oidc-audience "$AUDIENCE"
with --format "$FORMAT"
if [ "$DRY_RUN" = true ]; then flags+=(--dry-run); fi
if [ "$TLS_VERIFY" = false ]; then flags+=(--tls-verify=false); fi
services=("${flags[@]}")

with --require-readable-by "$READERS"
with --dotenv "$REPORTS/sign.env"
if [ "$RECURSIVE" = false ]; then flags+=(--no-recursive); fi
told sign signed sign "${flags[@]}" "$image"

if [ -s "$REPORTS/sign.env" ]; then
  index=""
  while IFS== read -r name value; do
    case "$name" in
      DIGEST) digest="$value" ;;
      IMAGE) image="$value" ;;
      REKOR_LOG_INDEX) index="$value" ;;
    esac
  done < "$REPORTS/sign.env"
  printf 'digest=%s\nimage=%s\nrekor-log-index=%s\n' "$digest" "$image" "$index" >> "$GITHUB_OUTPUT"
fi
if [ "$code" != 0 ]; then exit "$code"; fi

if [ -n "$SBOM_FILE" ]; then
  told attest "SBOM attested" attest "${services[@]}" --type "$SBOM_TYPE" --predicate "$SBOM_FILE" \
    --by-reference "$SBOM_BY_REFERENCE" "$image"
fi

if [ -n "$POLICY" ]; then
  findings=0
  vouchsafe policy check "$POLICY" || findings=$?
  if [ "$findings" -gt 1 ]; then exit "$findings"; fi
fi
if [ "$DRY_RUN" != true ] && [ -n "$POLICY$IDENTITY" ]; then
  flags=()
  if [ "$TLS_VERIFY" = false ]; then flags+=(--tls-verify=false); fi
  if [ -n "$POLICY" ]; then
    with --policy "$POLICY"
  else
    with --certificate-identity "$IDENTITY"
    with --certificate-oidc-issuer "$ISSUER"
    with --trusted-root "$TRUSTED_ROOT"
  fi
  told verify verified explain "${flags[@]}" "$image"
fi
exit "$code"
