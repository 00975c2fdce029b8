"""Package URLs: read, built and written as the specification has it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.model import package_url
from nephoscope.model.package import Package
from nephoscope.model.package_url import PackageUrlError
from nephoscope.model.package_url_conversion import from_package_url, to_package_url

CANONICAL = [
    ("pkg:npm/left-pad@1.3.0", "pkg:npm/left-pad@1.3.0"),
    ("PKG:NPM/Left-Pad@1.3.0", "pkg:npm/left-pad@1.3.0"),
    ("pkg://npm//left-pad@1.3.0/", "pkg:npm/left-pad@1.3.0%2F"),
    ("pkg:npm/@acme/widgets@2.0.0", "pkg:npm/%40acme/widgets@2.0.0"),
    ("pkg:npm/@acme/widgets", "pkg:npm/%40acme/widgets"),
    ("pkg:pypi/Flask_Login@0.6", "pkg:pypi/flask-login@0.6"),
    (
        "pkg:deb/Debian/Zlib1g@1:1.2.13?distro=debian-12&arch=amd64",
        "pkg:deb/debian/zlib1g@1:1.2.13?arch=amd64&distro=debian-12",
    ),
    (
        "pkg:golang/github.com/Acme/Tool@v1.0.0#/cmd/./tool/",
        "pkg:golang/github.com/acme/tool@v1.0.0#cmd/tool",
    ),
    ("pkg:generic/with%20space@1?Key=a%2Fb&empty=", "pkg:generic/with%20space@1?key=a%2Fb"),
    ("pkg:huggingface/acme/model@ABCDEF", "pkg:huggingface/acme/model@abcdef"),
    ("pkg:git/example.org/team/repository@0a1b", "pkg:git/example.org/team/repository@0a1b"),
    (
        "pkg:mlflow/Risk@3?repository_url=https://adb-1.azuredatabricks.net",
        "pkg:mlflow/risk@3?repository_url=https:%2F%2Fadb-1.azuredatabricks.net",
    ),
    ("pkg:mlflow/Risk@3", "pkg:mlflow/Risk@3"),
]

REFUSED = [
    ("npm/left-pad", "does not start with pkg:"),
    ("pkg:npm", "no name"),
    ("pkg:npm/@1.0", "no name"),
    ("pkg:1npm/a", "is not a type"),
    ("pkg:npm/a?in valid=1", "is not a key"),
    ("pkg:npm/a?k=1&K=2", "given twice"),
    ("pkg:npm/a%zz", "without two digits"),
    ("pkg:npm/a%ff", "not UTF-8"),
    ("pkg:cran/group/tibble", "cannot have a namespace"),
    ("pkg:swift/Alone@1", "needs a namespace"),
    ("pkg:julia/Example@1.0", "the qualifier uuid"),
    ("pkg:cpan/Some::Module", "is not a name of type cpan"),
    ("pkg:chrome-extension/abc", "is not a name of type chrome-extension"),
    ("pkg:npm/" + "a" * 9000, "longer than"),
]


@pytest.mark.parametrize(("written", "canonical"), CANONICAL)
def test_package_urls_are_written_in_one_way(written, canonical):
    assert package_url.canonicalize_text(written) == canonical
    assert package_url.canonicalize_text(canonical) == canonical


@pytest.mark.parametrize(("written", "reason"), REFUSED)
def test_what_is_no_package_url_is_refused_with_the_reason(written, reason):
    with pytest.raises(PackageUrlError, match=reason):
        package_url.parse(written)


def test_parts_are_checked_when_a_url_is_built():
    url = package_url.build_package_url(
        "Maven", "widgets", namespace="org.acme", version="1.0", qualifiers={"type": "jar", "classifier": ""}
    )
    assert str(url) == "pkg:maven/org.acme/widgets@1.0?type=jar"
    with pytest.raises(PackageUrlError, match="namespace"):
        package_url.build_package_url("vcpkg", "zlib", namespace="acme")


PACKAGES = [
    (Package(type="npm", name="@acme/widgets", version="2.0.0"), "pkg:npm/%40acme/widgets@2.0.0"),
    (Package(type="maven", name="org.acme:widgets", version="1.0"), "pkg:maven/org.acme/widgets@1.0"),
    (
        Package(type="golang", name="github.com/Acme/tool", version="v1.0.0"),
        "pkg:golang/github.com/acme/tool@v1.0.0",
    ),
    (
        Package(
            type="deb",
            name="libssl3",
            version="3.0.11-1~deb12u2",
            namespace="debian",
            distribution_version="12",
            architecture="amd64",
            source_name="openssl",
            source_version="3.0.11-1",
        ),
        "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12&upstream=openssl%403.0.11-1",
    ),
    (
        Package(type="rpm", name="bash", version="2:5.1-4", namespace="redhat", modularity="tools:1"),
        "pkg:rpm/redhat/bash@5.1-4?epoch=2&rpmmod=tools:1",
    ),
]


@pytest.mark.parametrize(("package", "url"), PACKAGES)
def test_packages_become_urls_and_packages_again(package, url):
    assert str(to_package_url(package)) == url
    assert from_package_url(package_url.split_package_url(url), package.name) == package


def test_a_package_of_a_distribution_that_is_not_known_still_has_a_url():
    assert str(to_package_url(Package(type="deb", name="attr", version="1"))) == "pkg:deb/attr@1"


def test_the_name_of_another_package_does_not_stand_in_for_the_url():
    assert from_package_url(package_url.split_package_url("pkg:pypi/flask@3"), "django").name == "flask"


@given(st.text(max_size=60))
def test_a_text_is_a_package_url_or_refused(text):
    for candidate in (text, f"pkg:{text}", f"pkg:npm/{text}", f"pkg:generic/{text}@{text}?{text}#{text}"):
        try:
            url = package_url.parse(candidate)
        except PackageUrlError:
            continue
        assert package_url.parse(str(url)) == url


@given(name=st.text(min_size=1, max_size=20).filter(lambda one: "/" not in one), version=st.text(max_size=10))
def test_any_name_and_version_come_back(name, version):
    url = package_url.build_package_url("generic", name, version=version)
    assert (url.name, url.version) == (name, version)
    assert package_url.parse(str(url)) == url
