// Token: what servers and clients have to prove. Python never sees the bytes of the run's.
#include "bindings/token.h"

#include <nanobind/stl/string.h>

#include "bindings/hooks.h"
#include "bindings/module.h"
#include "launchpad/run/context.h"

namespace lp::bindings {

net::Token run_token() {
  const auto context = run::current_context();
  return context == nullptr ? net::Token() : context->token;
}

void set_token(courier::ChannelOptions& options, const std::optional<net::Token>& explicit_token) {
  options.token = explicit_token ? *explicit_token : run_token();
  options.may_lack_token = !explicit_token;
}

void bind_token(nb::module_& m) {
  nb::class_<net::Token>(m, "Token", "What servers and clients prove to each other on tcp.")
      .def(
          "__init__",
          [](net::Token* self, const nb::bytes& secret) {
            new (self) net::Token(unwrap("local", net::Token::of({secret.c_str(), secret.size()})));
          },
          nb::arg("secret"))
      .def_static(
          "read",
          [](const std::string& path) { return unwrap("local", net::Token::from_file(path)); },
          nb::arg("path"), "The one in a file that nobody else can read.")
      .def("__repr__", [](const net::Token&) { return "<Token>"; });
}

}  // namespace lp::bindings
