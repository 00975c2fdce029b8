"""A simulated tenant for measuring identity protection: normal life, hard benign cases and attacks, with the truth beside the rows.

Written from published attack reports, MITRE ATT&CK and Microsoft's documentation of the log tables and of risk detections alone. It
imports nothing of the product: neither `identity` nor `behavior` decides what an attack looks like here (`test_simulator.py` reads the
imports of every module).

`python -m tests.simulator FOLDER --seed 7 --users 200 --days 7 --start 2026-10-01` writes

- a file of JSON lines a table (`SigninLogs.jsonl` ...), in the columns of the table, for `nephoscope ingest`;
- `indicators.csv`, a feed of threat intelligence that lists some of the attackers' addresses, for `nephoscope intel import`;
- `leaked-sha1.txt` and `exported-hashes.txt`, a list of leaked hashes and the users' own, for `nephoscope identity leaked`;
- `truth.jsonl`: who was attacked, from when to when, by what, the riskEventTypes that Microsoft documents for it;
- `benign.jsonl`: who did what is harmless and looks like an attack.

Modules: `networks` (places and address ranges), `organization` (who there is), `records` (a row of each table), `calendar` (what
changes when, the hard benign cases among it), `daily_life` and `workloads` (what people and programs do), `attacks` (a module a
family, every attack with its reference), `simulation` (all together), `scoring` (precision and recall, the guessers).

Every choice comes from a random stream named by the seed and by what it decides, so an attack more does not change the life around it.
"""
