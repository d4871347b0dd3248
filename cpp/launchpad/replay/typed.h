// Typed steps: a struct whose fields (LP_FIELDS) are the columns. A field is a number, a bool, a
// std::array or std::vector of numbers, or an lp::Tensor; vectors and tensors have the same shape
// in each step. Writer<T> and Sampled<T> are what a C++ program uses; each is one thread's. They
// throw lp::Error.
#pragma once

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "launchpad/replay/client.h"
#include "launchpad/wire/fields.h"

namespace lp::replay {

// How a field becomes a column's step and back.
template <class F>
struct StepField {
  static_assert(std::is_arithmetic_v<F>,
                "a field of a step is a number, a bool, a std::array or std::vector of numbers, or "
                "an lp::Tensor");
  static Tensor::Shape shape(const F&) { return {}; }
  static constexpr DType type(const F&) { return dtype_of<F>(); }
  static std::span<const std::byte> bytes(const F& value) {
    return std::as_bytes(std::span(&value, 1));
  }
  static bool set(F& value, const Spec& spec, std::span<const std::byte> bytes) {
    if (spec.type != dtype_of<F>() || bytes.size() != sizeof(F)) return false;
    std::memcpy(&value, bytes.data(), sizeof(F));
    return true;
  }
};

template <class E, size_t N>
struct StepField<std::array<E, N>> {
  static Tensor::Shape shape(const std::array<E, N>&) { return {static_cast<int64_t>(N)}; }
  static constexpr DType type(const std::array<E, N>&) { return dtype_of<E>(); }
  static std::span<const std::byte> bytes(const std::array<E, N>& value) {
    return std::as_bytes(std::span(value));
  }
  static bool set(std::array<E, N>& value, const Spec& spec, std::span<const std::byte> bytes) {
    if (spec.type != dtype_of<E>() || bytes.size() != sizeof(value)) return false;
    std::memcpy(value.data(), bytes.data(), bytes.size());
    return true;
  }
};

template <class E>
struct StepField<std::vector<E>> {
  static Tensor::Shape shape(const std::vector<E>& value) {
    return {static_cast<int64_t>(value.size())};
  }
  static constexpr DType type(const std::vector<E>&) { return dtype_of<E>(); }
  static std::span<const std::byte> bytes(const std::vector<E>& value) {
    return std::as_bytes(std::span(value));
  }
  static bool set(std::vector<E>& value, const Spec& spec, std::span<const std::byte> bytes) {
    if (spec.type != dtype_of<E>() || spec.shape.size() != 1) return false;
    value.resize(bytes.size() / sizeof(E));
    if (!bytes.empty()) std::memcpy(value.data(), bytes.data(), bytes.size());
    return true;
  }
};

template <>
struct StepField<Tensor> {
  static Tensor::Shape shape(const Tensor& value) { return value.shape(); }
  static DType type(const Tensor& value) { return value.dtype(); }
  // Row-major: Writer makes it so.
  static std::span<const std::byte> bytes(const Tensor& value) {
    return {value.buffer().data(), value.nbytes()};
  }
  static bool set(Tensor& value, const Spec& spec, std::span<const std::byte> bytes) {
    if (!spec.type) return false;
    value = Tensor(*spec.type, spec.shape);
    auto buffer = value.buffer();
    if (!bytes.empty()) std::memcpy(buffer.mutable_data(), bytes.data(), bytes.size());
    return true;
  }
};

// An item whose columns are T's fields, all of the same length.
template <wire::HasFields T>
struct Sampled {
  SampleInfo info{};
  std::vector<T> steps{};

  // INVALID_ARGUMENT: the columns are not T's fields.
  static Result<Sampled> of(const Sample& sample) {
    static const auto names = wire::split_field_names(T::lp_field_names());
    Sampled sampled{sample.info, {}};
    const auto wrong = [](const std::string& why) {
      return Error(Code::kInvalidArgument, "a sample does not have the columns " +
                                               std::string(T::lp_field_names()) + ": " + why);
    };
    if (sample.columns.size() != names.size()) return wrong("it has another number of columns");
    const auto& shape = sample.columns.front().shape;
    const int64_t steps = shape.empty() ? 1 : shape.front();
    for (const ColumnData& column : sample.columns) {
      if (column.shape.empty() || column.shape.front() != steps) {
        return wrong("its columns differ in length, or are squeezed");
      }
    }
    sampled.steps.resize(static_cast<size_t>(steps));
    for (size_t step = 0; step < sampled.steps.size(); ++step) {
      size_t index = 0;
      std::string bad;
      std::apply([&](auto&... field) { (read(sample.columns, step, field, bad, index), ...); },
                 sampled.steps[step].lp_fields());
      if (!bad.empty()) return wrong("'" + bad + "' is of another type");
    }
    return sampled;
  }

 private:
  template <class F>
  static void read(const std::vector<ColumnData>& columns, size_t step, F& field, std::string& bad,
                   size_t& index) {
    const ColumnData& column = columns[index++];
    const Spec spec{column.type, {column.shape.begin() + 1, column.shape.end()}};
    const size_t size = spec.row_bytes().value_or(0);
    if (!StepField<F>::set(field, spec, column.bytes.span().subspan(step * size, size))) {
      bad = wire::split_field_names(T::lp_field_names())[index - 1];
    }
  }
};

template <wire::HasFields T>
class Writer {
 public:
  // Throws if the server cannot be reached within `deadline`.
  Writer(const Client& client, TrajectoryWriterOptions options,
         const base::Deadline& deadline = {}) {
    options.column_name = [](size_t column) {
      return "'" + std::string(wire::split_field_names(T::lp_field_names())[column]) + "'";
    };
    writer_ = client.writer(std::move(options), deadline).value_or_throw();
  }

  // One step.
  void append(const T& step) {
    std::vector<Tensor::Shape> shapes;
    std::vector<Cell> cells;
    std::vector<Tensor> row_major;  // Copies of tensors that are not.
    shapes.reserve(kColumns);
    row_major.reserve(kColumns);
    std::apply([&](const auto&... field) { (add(field, shapes, cells, row_major), ...); },
               step.lp_fields());
    writer_->append(cells).value_or_throw();
  }
  // An item of the last `steps` steps. Gives its key.
  uint64_t create_item(std::string_view table, double priority, uint64_t steps) {
    std::vector<TrajectoryColumn> columns(kColumns);
    for (size_t i = 0; i < kColumns; ++i) {
      for (uint64_t back = steps; back-- > 0;) {
        columns[i].refs.push_back(writer_->newest(i, back).value_or_throw());
      }
    }
    return writer_->create_item(table, priority, columns).value_or_throw();
  }
  // Waits until at most so many items are not in their tables yet.
  void flush(int64_t block_until_num_items = 0, const base::Deadline& deadline = {}) {
    writer_->flush(block_until_num_items, deadline).value_or_throw();
  }
  // Steps that come are another episode's; waits for the items of this one.
  void end_episode(const base::Deadline& deadline = {}) {
    writer_->end_episode(true, deadline).value_or_throw();
  }
  // The writer below, which does more.
  TrajectoryWriter& untyped() { return *writer_; }

 private:
  static constexpr size_t kColumns = std::tuple_size_v<decltype(std::declval<T&>().lp_fields())>;

  template <class F>
  static void add(const F& field, std::vector<Tensor::Shape>& shapes, std::vector<Cell>& cells,
                  std::vector<Tensor>& row_major) {
    const F* value = &field;
    if constexpr (std::is_same_v<F, Tensor>) {
      if (!field.contiguous()) value = &row_major.emplace_back(field.clone());
    }
    shapes.push_back(StepField<F>::shape(*value));
    cells.push_back(
        {cells.size(), StepField<F>::type(*value), shapes.back(), StepField<F>::bytes(*value)});
  }

  std::unique_ptr<TrajectoryWriter> writer_;
};

}  // namespace lp::replay
