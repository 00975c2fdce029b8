"""The product tree of CSAF: every product with the branches that lead to it, its identifiers, groups and combinations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from nephoscope.collect.sbom.trees import Tree, list_of, text_of, texts_of, tree_of, trees_of

#: Branches inside one another that are walked; the standard allows 30.
MAX_DEPTH = 60

#: How product paths and relationships name what a product is combined with.
_RELATIONS = ("product_reference", "relates_to_product_reference")


@dataclass(frozen=True, slots=True)
class Product:
    """A product where it is defined: its place, and `path`, the branches (category, name) that lead to it."""

    id: str
    name: str
    place: str
    helper: Tree
    path: tuple[tuple[str, str], ...] = ()

    @property
    def purls(self) -> list[str]:
        """Return its package URLs."""
        one = text_of(self.helper, "purl")
        return [one] if one else texts_of(self.helper, "purls")

    @property
    def cpe(self) -> str:
        """Return its CPE, '' when it has none."""
        return text_of(self.helper, "cpe")

    def branch(self, category: str) -> str:
        """Return the name of the branch of a category, '' when there is none."""
        return next((name for kind, name in reversed(self.path) if kind == category), "")


@dataclass(frozen=True, slots=True)
class ProductBranch:
    """A branch: its category and name, its place, the categories above it, how deep it is (from 1)."""

    category: str
    name: str
    place: str
    above: tuple[str, ...]
    is_end: bool

    @property
    def depth(self) -> int:
        """Return how many branches lead to it, itself included."""
        return len(self.above) + 1


@dataclass(slots=True)
class AdvisoryProducts:
    """What is defined: products in order (one id may be defined twice, against the standard), branches and groups."""

    products: list[Product] = field(default_factory=list)
    branches: list[ProductBranch] = field(default_factory=list)
    groups: list[tuple[str, tuple[str, ...], str]] = field(default_factory=list)
    #: What a combined product is made of: ids by its own.
    parts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: References to products inside of the tree: place and id.
    references: list[tuple[str, str]] = field(default_factory=list)

    @property
    def by_id(self) -> dict[str, Product]:
        """Return the products by id."""
        return {one.id: one for one in self.products}

    def members(self, holder: Tree) -> set[str]:
        """Return the ids of the products that something names, itself or by groups."""
        return set(texts_of(holder, "product_ids")) | self.of_groups(texts_of(holder, "group_ids"))

    def of_groups(self, groups: Iterable[str]) -> set[str]:
        """Return the ids of the products in groups."""
        wanted = set(groups)
        return {product for group, products, _ in self.groups if group in wanted for product in products}


def product_tree_of(document: Tree) -> AdvisoryProducts:
    """Return the product tree of a document, empty where it has none."""
    root, tree = tree_of(document, "product_tree"), AdvisoryProducts()
    for number, one in enumerate(trees_of(root, "full_product_names")):
        tree.products.append(_product(one, f"/product_tree/full_product_names/{number}", ()))
    _read_branches(root, tree)
    for number, one in enumerate(trees_of(root, "relationships")):
        _read_combination(
            tree, one, f"/product_tree/relationships/{number}", [text_of(one, name) for name in _RELATIONS]
        )
    for number, one in enumerate(trees_of(root, "product_paths")):
        parts = [text_of(one, "beginning_product_reference")]
        parts += [text_of(each, "next_product_reference") for each in trees_of(one, "subpaths")]
        _read_combination(tree, one, f"/product_tree/product_paths/{number}", parts)
    for number, one in enumerate(trees_of(root, "product_groups")):
        place = f"/product_tree/product_groups/{number}"
        products = tuple(texts_of(one, "product_ids"))
        tree.groups.append((text_of(one, "group_id"), products, place))
        tree.references += [(f"{place}/product_ids", product) for product in products]
    return tree


def _product(one: Tree, place: str, path: tuple[tuple[str, str], ...]) -> Product:
    return Product(
        text_of(one, "product_id"),
        text_of(one, "name"),
        place,
        tree_of(one, "product_identification_helper"),
        path,
    )


def _read_combination(tree: AdvisoryProducts, one: Tree, place: str, parts: list[str]) -> None:
    """Read a product that is made of others."""
    product = _product(tree_of(one, "full_product_name"), f"{place}/full_product_name", ())
    tree.products.append(product)
    tree.parts[product.id] = tuple(parts)
    tree.references += [(place, part) for part in parts]


def _read_branches(root: Tree, tree: AdvisoryProducts) -> None:
    """Read branches and their products, outer ones first."""
    for place, branch, above in walk_branches(root):
        category, name = text_of(branch, "category"), text_of(branch, "name")
        is_end = "branches" not in branch
        tree.branches.append(ProductBranch(category, name, place, tuple(kind for kind, _ in above), is_end))
        if isinstance(branch.get("product"), dict):
            tree.products.append(_product(branch["product"], f"{place}/product", (*above, (category, name))))


def walk_branches(root: Tree) -> Iterator[tuple[str, Tree, tuple[tuple[str, str], ...]]]:
    """Give place, branch and what is above it."""
    waiting: list[tuple[str, Tree, tuple[tuple[str, str], ...]]] = [("/product_tree", root, ())]
    while waiting:
        place, holder, above = waiting.pop()
        inner = []
        for number, branch in enumerate(list_of(holder, "branches")):
            if not isinstance(branch, dict) or len(above) >= MAX_DEPTH:
                continue
            here = f"{place}/branches/{number}"
            yield here, branch, above
            inner.append((here, branch, (*above, (text_of(branch, "category"), text_of(branch, "name")))))
        waiting += reversed(inner)
