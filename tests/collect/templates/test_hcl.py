"""Files of Terraform are read as marks: blocks, attributes and the parts of literals, each where it is written."""

from __future__ import annotations

import pytest

from nephoscope.collect.templates.terraform.hcl.hcl_source import mark_configuration

TEXT = """# resource "azurerm_storage_account" "no" {
/* resource "x" "y" { */
variable "tls" { default = "TLS1_0" }
locals {
  a = "1"
}
locals { b = [1, { c = "2" }] }
resource "azurerm_storage_account" "a" {
  name   = "st${var.x}${lower("}")}" // }
  script = <<-EOT
    } resource "azurerm_storage_account" "inner" {
  EOT
  tls    = var.ok ? "a" : "b"
  tags = {
    "my key" : "one", other = merge(
      local.a, { x = "}" })
  }
  body = jsonencode({ properties = { open = true } })
  list = [for one in var.all : { x = one }]
  network_rules {
    default_action = "Allow"
  }
  network_rules { default_action = "Deny" }
  dynamic "ip_rule" {
    for_each = var.ips
    content {
      value = ip_rule.value
    }
  }
}
"""
CASES = [
    (("variable", "tls", "default"), '"TLS1_0"'),
    (("locals", "a"), '"1"'),
    (("locals", "b", 1, "c"), '"2"'),
    (("resource", "azurerm_storage_account", "a", "name"), '"st${var.x}${lower("}")}"'),
    (("resource", "azurerm_storage_account", "a", "tls"), 'var.ok ? "a" : "b"'),
    (("resource", "azurerm_storage_account", "a", "tags", "my key"), '"one"'),
    (("resource", "azurerm_storage_account", "a", "tags", "other"), 'merge(\n      local.a, { x = "}" })'),
    (("resource", "azurerm_storage_account", "a", "body", "properties", "open"), "true"),
    (("resource", "azurerm_storage_account", "a", "list"), "[for one in var.all : { x = one }]"),
    (("resource", "azurerm_storage_account", "a", "network_rules", 0, "default_action"), '"Allow"'),
    (("resource", "azurerm_storage_account", "a", "network_rules", 1, "default_action"), '"Deny"'),
    (("resource", "azurerm_storage_account", "a", "ip_rule", 0, "value"), "ip_rule.value"),
]


@pytest.mark.parametrize(
    ("path", "text"), CASES, ids=lambda one: str(one[-1]) if isinstance(one, tuple) else ""
)
def test_parts_are_marked(path: tuple[str | int, ...], text: str) -> None:
    mark = mark_configuration(TEXT)
    for step in path:
        below = mark.find_child_mark(step)
        assert below is not None, step
        mark = below
    assert TEXT[mark.start : mark.end] == text


@pytest.mark.parametrize("name", ["no", "inner"])
def test_comments_and_texts_declare_nothing(name: str) -> None:
    declared = mark_configuration(TEXT).find_child_mark("resource")
    assert declared is not None
    kind = declared.find_child_mark("azurerm_storage_account")
    assert kind is not None
    assert kind.find_child_mark(name) is None


@pytest.mark.parametrize(
    "text",
    ["a = {" * 20_000, "b {" * 20_000, '"${' * 20_000, "/*" * 20_000, "<<A\n" * 20_000, "a = [" * 20_000, "=" * 20_000, "{" * 20_000,
     'a = "' * 20_000, "a = " * 20_000, "x y " * 20_000, "}" * 20_000, "a = (" * 20_000, "jsonencode(" * 20_000, "a={b=" * 9_000],
    ids=range(15),
)  # fmt: skip
def test_hostile_files_end(text: str) -> None:
    assert mark_configuration(text).end == len(text)
