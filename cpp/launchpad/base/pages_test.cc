#include "launchpad/base/pages.h"

#include <gtest/gtest.h>

#include <new>

namespace lp::base {
namespace {

TEST(Pages, AreZerosAndKeepWhatIsWritten) {
  Pages pages(100'000);
  ASSERT_EQ(pages.size(), 100'000u);
  EXPECT_EQ(pages.data()[0], std::byte{0});
  pages.data()[99'999] = std::byte{7};
  Pages moved = std::move(pages);
  EXPECT_EQ(moved.data()[99'999], std::byte{7});
  moved = Pages(10);
  EXPECT_EQ(moved.size(), 10u);
  EXPECT_EQ(moved.data()[9], std::byte{0});
}

TEST(Pages, ThrowWhereThereIsNoMemory) { EXPECT_THROW(Pages(size_t{1} << 60), std::bad_alloc); }

}  // namespace
}  // namespace lp::base
