#include "launchpad/base/background.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <vector>

namespace lp::base {
namespace {

struct Scene {
  Nanos worked{0};
  Nanos others{0};  // How long they keep the processor, once it is lent.
  Nanos away{0};
  bool taken = true;
  int lent = 0;
  std::vector<Nanos> rests{};

  Pace pace() {
    return Pace({[this] { return TimePoint(worked + away); }, [this] { return worked; },
                 [this] { return taken; },
                 [this] {
                   ++lent;
                   away += others;
                 },
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

TEST(Pace, LendsItsProcessorAfterEachTurnThatIsTooShortForOthersToMiss) {
  Scene scene;
  Pace pace = scene.pace();
  scene.work(pace, 1);
  const auto turns = static_cast<int>(Pace::kBurst / Pace::kTurn);
  EXPECT_GE(scene.lent, turns * 9 / 10);
  EXPECT_LE(scene.lent, turns);
}

TEST(Pace, RarelyLendsItsProcessorToThoseWhoKeepItForAsLongAsTheyCan) {
  Scene scene;
  scene.taken = false;
  scene.others = Nanos(4'000'000);
  Pace pace = scene.pace();
  scene.work(pace, 1000);
  EXPECT_LT(scene.away, scene.worked / 50);
  EXPECT_GT(scene.lent, 1);
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
