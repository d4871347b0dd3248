// LP_EXPORT_NODE(Producer, int, std::string): lets programs of other languages add a Producer,
// built from an int and a string, with lp.CppNode(path, "Producer", 3, "x"). Write it in a .cc
// file, at namespace scope, in a program whose main is lp::main or lp::worker_main, or in a shared
// library. Parameters that are Client<T> take handles. The registry is filled before main and
// constant afterwards.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "launchpad/courier/client_codec.h"
#include "launchpad/graph/courier_node.h"

namespace lp::graph {

// Builds the object from typed arguments and runs it as its node; throws what it throws.
using ExportedNode = std::function<void(NodeContext&, const wire::Payload& arguments)>;

// True, always: it initialises a global.
bool export_node(std::string_view name, ExportedNode node);
// Null if there is none of that name.
const ExportedNode* find_exported(const std::string& name);
std::string exported_names();

template <class T, class... Parameters>
void run_exported(NodeContext& context, const wire::Payload& payload) {
  static_assert(std::is_constructible_v<T, Parameters...>,
                "T cannot be constructed from these parameters");
  wire::Reader reader(payload);
  const std::string type = courier::demangle(typeid(T).name());
  const auto named = [&](Error error) {
    error.message = type + "'s constructor: " + error.message;
    return error;
  };
  if (Status fits = courier::check_arguments(payload, reader, sizeof...(Parameters)); !fits.ok()) {
    throw_error(named(fits.error()));
  }
  auto arguments = courier::decode_arguments<std::tuple<Parameters...>>(
      reader, std::index_sequence_for<Parameters...>());
  if (!arguments.ok()) throw_error(named(arguments.error()));
  CourierNodeBody<T> body;
  std::apply(
      [&](auto&... argument) { body.configure(std::tuple<Parameters...>(std::move(argument)...)); },
      arguments.value());
  body.run(context);
}

}  // namespace lp::graph

#define LP_EXPORT_NODE(Type, ...)                                                           \
  [[maybe_unused]] static const bool LP_CONCAT(lp_exported_node_, __LINE__) =               \
      ::lp::graph::export_node(                                                             \
          #Type, [](::lp::NodeContext& context, const ::lp::wire::Payload& arguments) {     \
            ::lp::graph::run_exported<Type __VA_OPT__(, ) __VA_ARGS__>(context, arguments); \
          })
