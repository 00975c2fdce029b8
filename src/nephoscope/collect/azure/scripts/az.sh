#!/usr/bin/env bash
# Written by `nephoscope collect --script az`. Exports a snapshot with the Azure CLI (az login first) into a new folder:
#   bash export.sh [FOLDER]
# Only GET requests and Resource Graph queries are sent. What could not be read is named at the end and left out of coverage.json.
set -u
out=${1:-estate}
arm=${ARM_ENDPOINT:-https://management.azure.com}
graph=${GRAPH_ENDPOINT:-https://graph.microsoft.com}
started=$(date -u +%Y-%m-%dT%H:%M:%S+00:00)
umask 077
mkdir "$out" || exit 2
mkdir "$out/resource-graph" "$out/arm" "$out/graph" "$out/graph/members" || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -r "$work"' EXIT
: > "$work/claims"; : > "$work/tenant-claims"; : > "$work/gaps"

claim() { printf '%s\n' "$@" >> "$work/claims"; }
gap() { printf 'not read: %s: %s\n' "$1" "$2" >&2; printf '%s\n' "$1" >> "$work/gaps"; }
reason() { tr '\n' ' ' < "$work/error" | cut -c1-300; }
member() { sed -n "s/^  \"$1\": \"\(..*\)\",\{0,1\}\$/\1/p" "$2" | head -n 1; }

# query FILE BODY TYPES [CLAIM...]: every page of a Resource Graph query
query() {
  local name=$1 body=$2 types=$3 token='' number=0 extra file type; shift 3
  while :; do
    extra=''; [ -n "$token" ] && extra=", \"\$skipToken\": \"$token\""
    printf '%s' "${body/@TOKEN@/"$extra"}" > "$work/body"
    file="$out/resource-graph/$name-$number.json"
    if ! az rest --method post --url "$arm/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01" \
        --headers Content-Type=application/json --body "@$work/body" -o json > "$file" 2> "$work/error"; then
      rm -f "$file"
      for type in $types; do gap "$type" "$(reason)"; done
      return
    fi
    token=$(member '\$skipToken' "$file")
    if [ -z "$token" ]; then
      if grep -q '^  "resultTruncated": "true"' "$file"; then
        for type in $types; do gap "$type" 'the answer was cut and named no next page'; done
        return
      fi
      break
    fi
    number=$((number + 1))
  done
  [ $# -eq 0 ] || claim "$@"
}

# pages NAME URL [JMESPATH]: every page of a list; 1 where it was refused
pages() {
  local name=$1 url=$2 shape=${3:-} number=0 file
  while [ -n "$url" ]; do
    file="$name-$number.json"
    if ! az rest --method get --url "$url" ${shape:+--query "$shape"} -o json > "$file" 2> "$work/error" < /dev/null; then
      rm -f "$file"
      # The status that az writes, and no id or name in the reason that has these digits or words.
      grep -qiE '^(ERROR: )?Not Found([(]|[[:space:]]*$)' "$work/error" && [ "$number" -eq 0 ] && return 0
      return 1
    fi
    url=$(member nextLink "$file")
    number=$((number + 1))
  done
}

# ids PATTERN: the resources read so far whose id fits
ids() { find "$out/resource-graph" "$out/arm" -name '*.json' -exec sed -n 's/^      "id": "\(\/[^"]*\)",\{0,1\}$/\1/p' {} + | grep -iE "$1" | sort -fu; }

# list TYPE PATTERN PATH API [CLAIM...]: a list under every resource whose id fits
list() {
  local type=$1 pattern=$2 path=$3 api=$4 failed='' number=0 id; shift 4
  while IFS= read -r id; do
    number=$((number + 1))
    pages "$out/arm/${type//\//.}-$number" "$arm${id// /%20}$path?api-version=$api" || failed="$(reason) at $id"
  done < <(ids "$pattern")
  if [ -n "$failed" ]; then gap "$type" "$failed"; elif [ $# -gt 0 ]; then claim "$@"; fi
}

# body TYPE PATTERN API: the whole body of every resource whose id fits, of which Resource Graph holds a part
body() {
  local type=$1 pattern=$2 api=$3 number=0 id file
  while IFS= read -r id; do
    number=$((number + 1)); file="$out/arm/${type//\//.}-body-$number.json"
    if az rest --method get --url "$arm${id// /%20}?api-version=$api" -o json > "$work/one" 2> "$work/error" < /dev/null; then
      { printf '{"api_version": "%s", "resource": ' "$api"; cat "$work/one"; printf '}\n'; } > "$file"
    else
      gap "$type" "$(reason) at $id"
    fi
  done < <(ids "$pattern")
}

# objects KIND PATH: objects of the directory
objects() {
  local kind=$1 path=$2 shape
  shape="{nextLink: \"@odata.nextLink\", value: value[].{id: join('', ['/providers/$kind/', id]), name: id, type: '$kind', properties: @}}"
  if pages "$out/graph/${kind##*/}" "$graph$path" "$shape"; then
    [ "$kind" = microsoft.graph/groups ] || printf '%s\n' "$kind" >> "$work/tenant-claims"
  else
    gap "$kind" "$(reason)"
  fi
}

# members: of the groups that hold a role, and of the groups in these
members() {
  local kind=microsoft.graph/groups failed='' id shape
  find "$out/graph" -name 'groups-*.json' -exec sed -n 's/^      "name": "\([^"]*\)",\{0,1\}$/\1/p' {} + | sort -fu > "$work/groups"
  find "$out/resource-graph" -name '*.json' -exec sed -n 's/^ *"principalId": "\([^"]*\)",\{0,1\}$/\1/p' {} + | sort -fu > "$work/waiting"
  : > "$work/seen"
  while :; do
    id=$(grep -ixFf "$work/groups" "$work/waiting" | grep -ivxFf "$work/seen" | head -n 1)
    [ -n "$id" ] || break
    printf '%s\n' "$id" >> "$work/seen"
    shape="{nextLink: \"@odata.nextLink\", id: '/providers/$kind/$id', name: '$id', type: '$kind', properties: {id: '$id', members: value[].id}}"
    pages "$out/graph/members/$id" "$graph/v1.0/groups/$id/members?\$select=id&\$top=999" "$shape" || failed="$(reason)"
    if [ -e "$out/graph/members/$id-1.json" ]; then
      rm -f "$out/graph/members/$id"-*.json; failed="group $id has more than 999 members: nephoscope collect reads them"
    elif [ -e "$out/graph/members/$id-0.json" ]; then
      sed -n 's/^      "\([^"]*\)",\{0,1\}$/\1/p' "$out/graph/members/$id-0.json" >> "$work/waiting"
    fi
  done
  if [ -n "$failed" ]; then gap "$kind" "$failed"; elif [ -s "$work/groups" ]; then printf '%s\n' "$kind" >> "$work/tenant-claims"; fi
}

# quoted: lines as the members of a JSON list
quoted() { sort -u | sed 's/["\\]//g; s/.*/"&"/' | paste -sd, -; }

# manifest: coverage.json, for the subscriptions that may be read as a whole: Resource Graph leaves out what may not be read, and says nothing
manifest() {
  local tenant reads subscription first='' whole count gapped entry
  tenant=$(az account show --query tenantId -o tsv < /dev/null)
  reads="length(value[?(contains(actions, '*') || contains(actions, '*/read')) && !contains(join(',', notActions), 'read')])"
  while IFS= read -r entry; do
    whole=1
    while IFS= read -r gapped; do
      case "$entry/" in "$gapped/"* | *"/providers/$gapped/"*) whole='' ;; esac
    done < "$work/gaps"
    [ -n "$whole" ] && printf '%s\n' "$entry"
  done < "$work/claims" > "$work/whole"
  {
    printf '{"schemaVersion": 2, "tenants": {"%s": {"declared": true, "readAt": "%s", "scopes": {' "$tenant" "$started"
    while IFS= read -r subscription; do
      count=$(az rest --method get --url "$arm$subscription/providers/Microsoft.Authorization/permissions?api-version=2022-04-01" \
        --query "$reads" -o tsv 2> "$work/error" < /dev/null)
      if [ "${count:-0}" -ge 1 ]; then
        printf '%s"%s": [%s]' "$first" "$(printf '%s' "$subscription" | tr '[:upper:]' '[:lower:]')" "$(quoted < "$work/whole")"
        first=', '
      else
        printf 'not read as a whole: %s: the role Reader on the subscription is needed\n' "$subscription" >&2
      fi
    done < <(az rest --method get --url "$arm/subscriptions?api-version=2022-12-01" --query "value[?state=='Enabled'].id" -o tsv < /dev/null)
    printf '%s"": [%s]}, "gaps": {%s}}}}\n' "$first" "$(quoted < "$work/tenant-claims")" \
      "$(sort -u "$work/gaps" | sed 's/["\\]//g; s/.*/"&": "refused while it was exported"/' | paste -sd, -)"
  } > "$work/coverage.json"
  mv "$work/coverage.json" "$out/coverage.json"
  [ -s "$work/gaps" ] && exit 3
  exit 0
}

