// Stream<T> is a sequence of results that come one after the other, while they are made: what a
// method returns that gives several (a coroutine with `co_yield`: see generator.h), and what its
// clients get. The method runs ahead of who takes by 64 results or 8 MiB, then waits; it ends where
// it is when its stream is closed or dropped. A value that is moved; one thread at a time.
#pragma once

#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "launchpad/wire/codec.h"
#include "launchpad/wire/payload_stream.h"

namespace lp {
namespace courier {

// Results that are made in this process.
template <class T>
class LocalResults {
 public:
  virtual ~LocalResults() = default;
  // The next, or nothing at the end. Throws what the method throws.
  virtual std::optional<T> next() = 0;
};

// Of coroutines: generator.h.
template <class T>
class StreamPromise;

// The typed value in a payload; if it is none, `wrong(why)` is the error.
template <class T, class Wrong>
Result<T> decode_typed(const wire::Payload& payload, const Wrong& wrong) {
  if (payload.encoding != wire::Encoding::kTyped)
    return wrong("it is a Python pickle, no typed value");
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    wire::Reader reader(payload);
    T value = wire::read<T>(reader);
    if (!reader.ok()) return wrong(reader.error()->message);
    return value;
  }
}

}  // namespace courier

template <class T>
class [[nodiscard]] Stream {
 public:
  // The compiler's.
  using promise_type = courier::StreamPromise<T>;

  // An empty one: it has no results.
  Stream() = default;
  // Of what is made here.
  explicit Stream(std::unique_ptr<courier::LocalResults<T>> local) : local_(std::move(local)) {}
  // Of what comes from a server; `owner` is kept as long.
  Stream(std::shared_ptr<wire::PayloadStream> remote, std::shared_ptr<const void> owner)
      : owner_(std::move(owner)), remote_(std::move(remote)) {}
  Stream(Stream&&) noexcept = default;
  Stream& operator=(Stream&&) noexcept = default;

  // Waits for the next result; nothing: there are no more. Throws lp::RemoteError if the method
  // threw, lp::Error if the rest cannot be had: UNAVAILABLE if the server ended. DEADLINE_EXCEEDED
  // means only that this wait took longer than a call may: the result can still be taken.
  std::optional<T> next() {
    if (local_ != nullptr) return local_->next();
    if (remote_ == nullptr) return std::nullopt;
    auto payload = remote_->next().value_or_throw();
    if (!payload) return std::nullopt;
    const auto wrong = [](const std::string& why) {
      return Error(Code::kInvalidArgument, "a result of a stream: " + why);
    };
    return courier::decode_typed<T>(*payload, wrong).value_or_throw();
  }

  // What is left is not taken: the method ends where it is. next() gives nothing any more.
  void close() {
    if (remote_ != nullptr) remote_->cancel();
    local_.reset();
    remote_.reset();
    owner_.reset();
  }

  // `for (T& result : stream)`, once.
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;

    explicit Iterator(Stream& stream) : stream_(&stream) { ++*this; }
    T& operator*() const { return *stream_->current_; }
    T* operator->() const { return &*stream_->current_; }
    Iterator& operator++() {
      stream_->current_ = stream_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return !stream_->current_; }

   private:
    Stream* stream_;
  };
  // Waits for the first result.
  Iterator begin() { return Iterator(*this); }
  // Where they end.
  std::default_sentinel_t end() const { return {}; }

  // As results that travel; leaves an empty one.
  std::shared_ptr<wire::PayloadStream> as_payloads() &&;

 private:
  std::unique_ptr<courier::LocalResults<T>> local_;
  std::shared_ptr<const void> owner_;
  std::shared_ptr<wire::PayloadStream> remote_;
  std::optional<T> current_;
};

namespace courier {

// The exception that is being handled, as the caller shall see it.
Error describe_current_exception();

template <class R>
inline constexpr bool is_stream = false;
template <class T>
inline constexpr bool is_stream<Stream<T>> = true;

// Results of this process, encoded as they are taken.
template <class T>
class EncodedResults final : public wire::PayloadStream {
 public:
  explicit EncodedResults(Stream<T> stream) : stream_(std::move(stream)) {}

  Result<std::optional<wire::Payload>> next() override {
    try {
      auto value = stream_.next();
      if (!value) return std::optional<wire::Payload>();
      wire::Payload payload;
      wire::Writer writer(payload);
      wire::write<T>(writer, *value);
      return std::optional(std::move(payload));
    } catch (...) {
      return describe_current_exception();
    }
  }

 private:
  Stream<T> stream_;
};

// Keeps something alive as long as what a method made of it.
class KeptResults final : public wire::PayloadStream {
 public:
  KeptResults(std::shared_ptr<wire::PayloadStream> inner, std::shared_ptr<const void> kept)
      : kept_(std::move(kept)), inner_(std::move(inner)) {}
  Result<std::optional<wire::Payload>> next() override { return inner_->next(); }
  void cancel() override { inner_->cancel(); }

 private:
  std::shared_ptr<const void> kept_;
  std::shared_ptr<wire::PayloadStream> inner_;  // Ends first.
};

}  // namespace courier

template <class T>
std::shared_ptr<wire::PayloadStream> Stream<T>::as_payloads() && {
  if (remote_ != nullptr) {
    auto remote = std::exchange(remote_, nullptr);
    return std::make_shared<courier::KeptResults>(std::move(remote), std::move(owner_));
  }
  return std::make_shared<courier::EncodedResults<T>>(std::move(*this));
}

}  // namespace lp
