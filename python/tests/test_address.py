"""Addresses are assigned once, bound by a launch, and resolved where they are used."""

from __future__ import annotations

import pickle

import pytest

import launchpad as lp


class Fixed(lp.AbstractAddressBuilder):
    def build(self):
        return "host:5"


def test_an_address_resolves_to_what_it_was_bound_to():
    address = lp.Address("own1")
    node = lp.PyNode(print)
    node.allocate_address(address)
    node.allocate_address(address)
    assert node.addresses[0] is address
    address.bind(Fixed())
    assert address.resolve() == "host:5"
    restored = pickle.loads(pickle.dumps(lp.Address("a")))
    assert restored.name == "a"


@pytest.mark.parametrize("name", ["", "A", "1a", "a-b", "a b"])
def test_names_are_lower_case_words(name):
    with pytest.raises(ValueError, match=r"Wrong address name: .* does not match"):
        lp.Address(name)


def test_an_address_that_cannot_be_resolved_says_why():
    address = lp.Address()
    with pytest.raises(RuntimeError, match="hasn't been assigned to any node"):
        address.resolve()
    lp.PyNode(print).allocate_address(address)
    with pytest.raises(RuntimeError, match="has not been bound to any address builder"):
        address.resolve()


def test_an_address_has_one_node():
    address = lp.Address()
    lp.PyNode(print).allocate_address(address)
    with pytest.raises(ValueError, match="already assigned to another node"):
        lp.PyNode(print).allocate_address(address)


def test_a_local_address_stays_the_same():
    builder = lp.SimpleLocalAddressBuilder()
    assert builder.build() == builder.build()
    assert lp.get_port_from_address(builder.build()) > 0


def test_ports_may_be_named_by_the_environment(monkeypatch):
    monkeypatch.setenv("LP_PORT_own", "77")
    assert lp.get_port_from_address("host:own") == 77
    assert lp.get_port_from_address("[::1]:88") == 88
    with pytest.raises(KeyError, match="LP_PORT_other"):
        lp.get_port_from_address("host:other")


def test_an_abstract_builder_cannot_be_made():
    with pytest.raises(TypeError):
        lp.AbstractAddressBuilder()
