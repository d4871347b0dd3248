// Reader takes typed values out of a Payload, in the order a Writer put them in. It trusts nothing:
// the first thing that does not fit is kept as `error()`, and every read after it gives a zero
// value. One thread; the payload must outlive it, but tensors that it gave out keep their memory
// alive.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "launchpad/base/result.h"
#include "launchpad/wire/payload.h"
#include "launchpad/wire/tensor.h"

namespace lp::wire {

// What comes next.
enum class Kind {
  kNothing,
  kNil,
  kBool,
  kInt,
  kReal,
  kString,
  kBytes,
  kList,
  kTuple,
  kMap,
  kTensor,
  kClient
};

// The name that error messages use: Python's, e.g. "int", "list".
std::string_view kind_name(Kind kind);

// Nesting beyond this is refused.
inline constexpr int kMaxDepth = 64;

class Reader {
 public:
  explicit Reader(const Payload& payload) : payload_(payload), in_(payload.body) {}

  Kind peek() const;
  bool at_end() const { return position_ >= in_.size(); }

  void nil();
  bool boolean();
  int64_t integer();
  uint64_t unsigned_integer();
  double real();  // Takes an integer too.
  std::string_view string();
  std::string_view bytes();
  // The number of values that follow (for a map: pairs). Unless exact, a list and a tuple stand for
  // each other.
  size_t list();
  size_t tuple();
  size_t map();
  Tensor tensor();
  ClientRef client();
  // Steps over one value of any kind.
  void skip(int depth = 0);

  bool ok() const { return !error_.has_value(); }
  const std::optional<Error>& error() const { return error_; }
  // Keeps the first failure.
  [[gnu::cold]] void fail(std::string message);
  [[gnu::cold]] void expected(std::string_view what);

  // While true a value is read only as what it was written as: no int as a float, no tuple or array
  // as a list.
  bool exact() const { return exact_; }
  void set_exact(bool exact) { exact_ = exact; }

  // Held while a struct is read: a type may contain itself, and must not exhaust the stack.
  class Level {
   public:
    explicit Level(Reader& reader) : reader_(reader) {
      if (++reader_.depth_ > kMaxDepth) reader_.fail("a value is nested too deeply");
    }
    ~Level() { --reader_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Reader& reader_;
  };

  // For trying one alternative after another.
  struct Mark {
    size_t position;
    std::optional<Error> error;
  };
  Mark mark() const { return {position_, error_}; }
  void rewind(const Mark& mark) {
    position_ = mark.position;
    error_ = mark.error;
  }

 private:
  // The next `size` bytes, or empty and a failure.
  std::string_view take(size_t size) {
    if (error_ || size > in_.size() - position_) return cut_short();
    const std::string_view taken(in_.data() + position_, size);
    position_ += size;
    return taken;
  }
  [[gnu::cold]] std::string_view cut_short();
  template <class T>
  T big_endian();
  // Reads an integer of any width as (magnitude bits, negative).
  bool read_integer(uint64_t& bits, bool& negative);
  // The count of a list that has no tuple around it.
  size_t bare_list(std::string_view what);
  // Steps over an extension's header; its size and type.
  size_t extension(uint8_t& type);
  Tensor tensor_from(std::string_view content);

  const Payload& payload_;
  std::string_view in_;
  size_t position_ = 0;
  int depth_ = 0;
  bool exact_ = false;
  std::optional<Error> error_;
};

}  // namespace lp::wire
