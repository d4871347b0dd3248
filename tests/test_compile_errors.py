"""What does not fit does not compile, and the compiler says why in words of ours.

Each case is a statement in a program with a Producer and a Consumer; the words must be in the
compiler's output. One compilation for all cases that shall compile, one for each that shall not.
"""

from __future__ import annotations

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PROGRAM = """
#include <launchpad/launchpad.h>

struct Opaque { int x; };
class Producer {
 public:
  int work(int context) { return context; }
  int hidden(int x) { return x; }
  int opaque(Opaque) { return 0; }
  using courier_methods = lp::Methods<&Producer::work>;
};
class Plain {
 public:
  int work(int context) { return context; }
};
struct Consumer {
  Consumer(std::vector<lp::Client<Producer>>, std::string) {}
  void run() {}
};
class Taker {
 public:
  int take(Opaque) { return 0; }
  using courier_methods = lp::Methods<&Taker::take>;
};
void use(lp::Client<Producer> client, std::vector<lp::Handle<Producer>> handles) {
  (void)client, (void)handles;
  STATEMENT
}
"""
FITS = """
  int x = client.call<&Producer::work>(3); (void)x;
  lp::Future<int> f = client.async<&Producer::work>(3);
  lp::CourierNode<Consumer> node(handles, std::string("x"));
"""
DOES_NOT_FIT = {
    "client.call<&Producer::hidden>(1);": "the method is not listed in T::courier_methods",
    "client.call<&Producer::work>();": "the method takes another number of arguments",
    "client.call<&Producer::work>(1, 2);": "the method takes another number of arguments",
    'client.call<&Producer::work>("one");': "an argument has the wrong type",
    "client.async<&Plain::work>(1);": "this is no method of the client's class T",
    "lp::Client<Plain>().call<&Plain::work>(1);": "add `using courier_methods = lp::Methods<...>;`",
    "lp::CourierNode<Plain>();": "the class offers nothing",
    "lp::CourierNode<Consumer>(handles, 3.5);": "T cannot be constructed from these arguments",
    "lp::FunctionNode([](lp::Client<Producer>) {}, 3);": "the function cannot be called with these",
    "lp::Client<Taker>().call<&Taker::take>(Opaque{1});": "this type cannot travel between nodes",
}


def compile_with(statement: str, folder: pathlib.Path) -> subprocess.CompletedProcess[str]:
    source = folder / "program.cc"
    source.write_text(PROGRAM.replace("STATEMENT", statement))
    compiler = os.environ.get("CXX", "g++")
    command = [compiler, "-std=c++20", f"-I{ROOT / 'cpp'}", "-fsyntax-only", str(source)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_what_fits_compiles(tmp_path: pathlib.Path) -> None:
    compiled = compile_with(FITS, tmp_path)
    assert compiled.returncode == 0, compiled.stderr


@pytest.mark.timeout(120)
@pytest.mark.parametrize("statement", DOES_NOT_FIT, ids=lambda s: s)
def test_what_does_not_fit_says_why(statement: str, tmp_path: pathlib.Path) -> None:
    compiled = compile_with(statement, tmp_path)
    assert compiled.returncode != 0
    assert DOES_NOT_FIT[statement] in compiled.stderr, compiled.stderr[-3000:]
