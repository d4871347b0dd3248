// CacherNode<T>(handle, options): a node that serves the methods of another one, a T, from a cache,
// which it keeps fresh in the background, so that many callers cost the other node little. Its
// handle is a Handle<T>, to be given in the other's place. A value that stands for one node.
// Drawing is done by one thread.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "launchpad/courier/cache.h"
#include "launchpad/graph/node.h"

namespace lp {

// How old answers may be, and how many are kept.
struct CacherOptions {
  base::Nanos refresh_interval{};  // How often answers that are asked for are renewed.
  base::Nanos stale_after{};       // An older answer is not given; who asks waits for a new one.
  size_t max_entries = 4096;       // Answers that are kept; beyond them calls are passed on.
  int threads = 16;                // Calls that are answered at the same time, at most.
};

namespace graph {

class CacherBody final : public Node {
 public:
  // Made inside of the running node: passes calls on to the source.
  using Source = std::function<courier::Cache::Ask()>;

  CacherBody(std::string kind, std::vector<std::string> methods, Source source, SlotPtr input,
             CacherOptions options);

  std::string kind() const override { return kind_; }
  bool serves() const override { return true; }
  // INVALID_ARGUMENT: a time that is not positive.
  Status check() const override;
  void run(NodeContext& context) override;

 private:
  const std::string kind_;
  const std::vector<std::string> methods_;
  const Source source_;
  const CacherOptions options_;
};

}  // namespace graph

template <class T>
class CacherNode {
  static_assert(courier::Serves<T>,
                "the class does not say what others may call: add `using courier_methods = "
                "lp::Methods<...>;`");

 public:
  // The calls of the source are made as the handle says (`within`, `retrying`).
  CacherNode(const Handle<T>& source, CacherOptions options)
      : body_(std::make_shared<graph::CacherBody>(
            "CacherNode<" + courier::demangle(typeid(T).name()) + ">",
            std::vector<std::string>(T::courier_methods::names.begin(),
                                     T::courier_methods::names.end()),
            [source]() -> courier::Cache::Ask {
              return [client = source.dereference()](std::string_view method,
                                                     const wire::Payload& arguments,
                                                     courier::Callback callback) {
                client.forward(method, arguments, std::move(callback));
              };
            },
            source.slot(), options)) {}

  // A handle, as add_node gives it: in the place of the source's.
  Handle<T> create_handle() const { return Handle<T>(body_->slot()); }
  // The node itself, as the program holds it.
  const std::shared_ptr<graph::CacherBody>& node() const { return body_; }

 private:
  std::shared_ptr<graph::CacherBody> body_;
};

}  // namespace lp
