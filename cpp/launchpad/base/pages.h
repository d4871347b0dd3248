// Pages is zeroed memory of its own, straight from the system: it takes none until it is written
// to, page by page, and goes back to the system as a whole. The heap's memory may have been touched
// before. Move-only; one thread at a time.
#pragma once

#include <cstddef>
#include <utility>

namespace lp::base {

class Pages {
 public:
  Pages() = default;
  // Throws std::bad_alloc.
  explicit Pages(size_t size);
  Pages(Pages&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Pages& operator=(Pages&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Pages();

  std::byte* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace lp::base
