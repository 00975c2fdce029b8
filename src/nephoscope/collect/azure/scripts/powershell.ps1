# Written by `nephoscope collect --script powershell`. Exports a snapshot with Az PowerShell (Connect-AzAccount first) into a new folder:
#   ./export.ps1 [-Out FOLDER]
# Needs PowerShell 7 and the module Az.Accounts. Only GET requests and Resource Graph queries are sent. Answers are written as they came,
# so that ConvertTo-Json cuts nothing. What could not be read is named at the end and left out of coverage.json.
param([string]$Out = 'estate')
$ErrorActionPreference = 'Stop'
$started = [DateTime]::UtcNow.ToString('yyyy-MM-ddTHH:mm:ss+00:00')
$arm = (Get-AzContext).Environment.ResourceManagerUrl.TrimEnd('/')
$graph = (Get-AzContext).Environment.ExtendedProperties.MicrosoftGraphUrl
if (-not $graph) { $graph = 'https://graph.microsoft.com' }
foreach ($folder in $Out, "$Out/resource-graph", "$Out/arm", "$Out/graph") { New-Item -ItemType Directory -Path $folder | Out-Null }
$claims = [Collections.Generic.SortedSet[string]]::new(); $tenantClaims = [Collections.Generic.SortedSet[string]]::new()
$gaps = [Collections.Generic.SortedDictionary[string, string]]::new()
$ids = [Collections.Generic.SortedSet[string]]::new([StringComparer]::OrdinalIgnoreCase)
$principals = [Collections.Generic.HashSet[string]]::new([StringComparer]::OrdinalIgnoreCase)

function Gap([string]$Type, [string]$Why) { [Console]::Error.WriteLine("not read: ${Type}: $Why"); $gaps[$Type] = $Why }

function Save([string]$File, [string]$Text) { [IO.File]::WriteAllText((Join-Path (Resolve-Path $Out) $File), $Text, [Text.UTF8Encoding]::new($false)) }

function Ask([string]$Method, [string]$Url, [string]$Payload) {
  $given = @{ Method = $Method; Uri = $Url }
  if ($Payload) { $given.Payload = $Payload }
  for ($turn = 0; ; $turn++) {
    $answer = Invoke-AzRestMethod @given
    if ($turn -ge 7 -or ($answer.StatusCode -ne 429 -and $answer.StatusCode -lt 500)) { return $answer }
    Start-Sleep -Seconds ([Math]::Pow(2, $turn))
  }
}

# Every page of a Resource Graph query
function Query([string]$Name, [string]$Body, [string[]]$Types, [string[]]$Entries = @()) {
  $token = ''; $number = 0
  do {
    $extra = if ($token) { ', "$skipToken": ' + (ConvertTo-Json $token) } else { '' }
    $answer = Ask POST "$arm/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01" $Body.Replace('@TOKEN@', $extra)
    if ($answer.StatusCode -ne 200) { foreach ($type in $Types) { Gap $type "$($answer.StatusCode)" }; return }
    Save "resource-graph/$Name-$number.json" $answer.Content
    $page = $answer.Content | ConvertFrom-Json -AsHashtable -Depth 100
    foreach ($row in $page.data) {
      [void]$ids.Add($row.id)
      if ($row.properties -is [Collections.IDictionary] -and $row.properties.principalId -is [string]) { [void]$principals.Add($row.properties.principalId) }
    }
    $token = $page['$skipToken']; $number++
    if (-not $token -and "$($page.resultTruncated)" -eq 'true') { foreach ($type in $Types) { Gap $type 'the answer was cut and named no next page' }; return }
  } while ($token)
  foreach ($entry in $Entries) { [void]$claims.Add($entry) }
}

# Every page of a list; the status that refused it, '' where it was read or nothing is there
function Pages([string]$Name, [string]$Url) {
  $number = 0
  while ($Url) {
    $answer = Ask GET $Url ''
    if ($answer.StatusCode -in 204, 404 -and $number -eq 0) { return '' }
    if ($answer.StatusCode -ne 200) { return "$($answer.StatusCode)" }
    Save "$Name-$number.json" $answer.Content
    $page = $answer.Content | ConvertFrom-Json -AsHashtable -Depth 100
    foreach ($row in $page.value) { if ("$($row.id)".StartsWith('/')) { [void]$ids.Add($row.id) } }
    $Url = $page.nextLink; $number++
  }
  return ''
}

# A list under every resource whose id fits
function List([string]$Type, [string]$Pattern, [string]$Path, [string]$Api, [string[]]$Entries = @()) {
  $failed = ''; $number = 0
  foreach ($id in @($ids | Where-Object { $_ -match $Pattern })) {
    $number++
    $status = Pages "arm/$($Type.Replace('/', '.'))-$number" "$arm$($id.Replace(' ', '%20'))${Path}?api-version=$Api"
    if ($status) { $failed = "$status at $id" }
  }
  if ($failed) { Gap $Type $failed } else { foreach ($entry in $Entries) { [void]$claims.Add($entry) } }
}

# The whole body of every resource whose id fits, of which Resource Graph holds a part
function Body([string]$Type, [string]$Pattern, [string]$Api) {
  $number = 0
  foreach ($id in @($ids | Where-Object { $_ -match $Pattern })) {
    $number++
    $answer = Ask GET "$arm$($id.Replace(' ', '%20'))?api-version=$Api" ''
    if ($answer.StatusCode -ne 200) { Gap $Type "$($answer.StatusCode) at $id"; continue }
    Save "arm/$($Type.Replace('/', '.'))-body-$number.json" ('{"api_version": "' + $Api + '", "resource": ' + $answer.Content + '}')
  }
}

# The objects at an address of the directory; throws where they are refused
function Read-Directory([string]$Url) {
  while ($Url) {
    $answer = Ask GET $Url ''
    if ($answer.StatusCode -ne 200) { throw "$($answer.StatusCode)" }
    $page = $answer.Content | ConvertFrom-Json -AsHashtable -Depth 100
    $page.value
    $Url = $page['@odata.nextLink']
  }
}

function Write-Directory([string]$Kind, $Found) {
  $rows = foreach ($one in $Found) { [ordered]@{ id = "/providers/$Kind/$($one.id)"; name = $one.id; type = $Kind; properties = $one } }
  Save "graph/$($Kind.Split('/')[-1]).json" (ConvertTo-Json -InputObject @($rows) -Depth 100)
  [void]$tenantClaims.Add($Kind)
}

# Objects of the directory
function Objects([string]$Kind, [string]$Path) {
  try {
    $found = @(Read-Directory "$graph$Path")
    if ($Kind -eq 'microsoft.graph/groups') { Add-Members $found }
    Write-Directory $Kind $found
  }
  catch { Gap $Kind "$_" }
}

# The members of the groups that hold a role, and of the groups in these
function Add-Members($Groups) {
  $byId = @{}
  foreach ($group in $Groups) { $byId[$group.id] = $group }
  $waiting = [Collections.Generic.Queue[string]]::new()
  foreach ($id in $principals) { if ($byId.ContainsKey($id)) { $waiting.Enqueue($id) } }
  while ($waiting.Count) {
    $group = $byId[$waiting.Dequeue()]
    if ($group.ContainsKey('members')) { continue }
    $group.members = @(Read-Directory "$graph/v1.0/groups/$($group.id)/members?`$select=id&`$top=999" | ForEach-Object { $_.id })
    foreach ($member in $group.members) { if ($byId.ContainsKey($member)) { $waiting.Enqueue($member) } }
  }
}

# coverage.json, for the subscriptions that may be read as a whole: Resource Graph leaves out what may not be read, and says nothing
function Manifest {
  $whole = @($claims | Where-Object {
      $entry = "$_/"
      -not ($gaps.Keys | Where-Object { $entry.StartsWith("$_/") -or $entry.Contains("/providers/$_/") })
    })
  $scopes = [ordered]@{}
  $page = (Ask GET "$arm/subscriptions?api-version=2022-12-01" '').Content | ConvertFrom-Json -AsHashtable -Depth 100
  foreach ($subscription in $page.value | Where-Object { $_.state -eq 'Enabled' }) {
    $answer = Ask GET "$arm$($subscription.id)/providers/Microsoft.Authorization/permissions?api-version=2022-04-01" ''
    $granted = @(if ($answer.StatusCode -eq 200) {
        ($answer.Content | ConvertFrom-Json -AsHashtable -Depth 100).value | Where-Object {
          ($_.actions -contains '*' -or $_.actions -contains '*/read') -and -not (($_.notActions -join ',').Contains('read'))
        }
      })
    if ($granted.Count) { $scopes[$subscription.id.ToLower()] = $whole }
    else { [Console]::Error.WriteLine("not read as a whole: $($subscription.id): the role Reader on the subscription is needed") }
  }
  $scopes[''] = @($tenantClaims)
  $document = [ordered]@{
    schemaVersion = 2
    tenants       = @{ "$((Get-AzContext).Tenant.Id)" = [ordered]@{ declared = $true; readAt = $started; scopes = $scopes; gaps = $gaps } }
  }
  Save 'coverage.json' (ConvertTo-Json -InputObject $document -Depth 100)
  if ($gaps.Count) { exit 3 }
}

