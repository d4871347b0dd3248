#include "launchpad/base/background.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <vector>

namespace lp::base {
namespace {

struct Scene {
  Nanos worked{0};
  bool taken = true;
  std::vector<Nanos> rests{};

  Pace pace() {
    return Pace({[this] { return worked; }, [this] { return taken; },
                 [this](Nanos time) { rests.push_back(time); }});
  }
  // So many bursts of work, in small steps.
  void work(Pace& pace, int bursts) {
    for (int i = 0; i < bursts * 1000; ++i) {
      worked += Pace::kBurst / 1000;
      pace.breathe();
    }
  }
};

TEST(Pace, RestsAfterEachBurstWhileNoProcessorIsIdle) {
  Scene scene;
  Pace pace = scene.pace();
  scene.work(pace, 1);
  scene.work(pace, 9);
  EXPECT_GE(scene.rests.size(), 9u);
  EXPECT_LE(scene.rests.size(), 10u);
}

TEST(Pace, WorksOnWhileAProcessorIsIdle) {
  Scene scene;
  scene.taken = false;
  Pace pace = scene.pace();
  scene.work(pace, 10);
  EXPECT_TRUE(scene.rests.empty());
}

TEST(InBackground, GivesTheResultOfAThreadOfLowPriorityAndLeavesThisOneAlone) {
  const int own = getpriority(PRIO_PROCESS, 0);
  const auto [thread, priority] = in_background(
      [](Pace&) { return std::pair(std::this_thread::get_id(), getpriority(PRIO_PROCESS, 0)); });
  EXPECT_NE(thread, std::this_thread::get_id());
  EXPECT_GT(priority, own);
  EXPECT_EQ(getpriority(PRIO_PROCESS, 0), own);
}

}  // namespace
}  // namespace lp::base
