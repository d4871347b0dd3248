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


AT_A_PORT = """
import socket
import sys
import courier
import launchpad as lp

class Service:
    def number(self):
        return 7

def ask(handle, port):
    outside = courier.Client(f"localhost:{port}", call_timeout=20)
    print("answers", handle.number(), outside.number(), flush=True)
    lp.stop()

with socket.socket() as taken:
    taken.bind(("localhost", 0))
    taken.listen()
    port = taken.getsockname()[1]

    def drawn():
        program = lp.Program("p")
        node = lp.CourierNode(Service, courier_kwargs={"port": port})
        handle = program.add_node(node, label="service")
        program.add_node(lp.PyNode(ask, handle, port), label="asker")
        return program

    try:
        lp.launch(drawn(), sys.argv[1])
    except lp.NodeFailed as error:
        print(str(error).splitlines()[0], flush=True)
lp.launch(drawn(), sys.argv[1])
"""


@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
def test_a_node_with_a_port_is_reached_there_as_well_and_says_if_it_is_taken(run, launch_type):
    ended = run(AT_A_PORT, launch_type)
    assert ended.status == 0, ended.err
    assert "node 'service/0' failed: FileExistsError: " in ended.out
    assert "answers 7 7" in ended.out
