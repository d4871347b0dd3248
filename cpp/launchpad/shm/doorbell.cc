#include "launchpad/shm/doorbell.h"

#include <linux/futex.h>
#include <pthread.h>

#include <bit>
#include <cerrno>

#include "launchpad/base/check.h"
#include "launchpad/shm/spin.h"

namespace lp::shm {
namespace {

constexpr uint32_t kWordBits = 64;
constexpr uint32_t kWords = Doorbell::kNumbers / kWordBits;
// Looks, of some 20 ns each, before a sleeping thread is woken: that takes longer.
constexpr int kGrace = 64;
// That of all who come when the other places are taken.
constexpr uint32_t kLastPlace = uint32_t{1} << 31;

}  // namespace

// All zeros at the start but for the mutex. Whoever changes one of these words then reads another:
// sequentially consistent, so that of two threads that do one at least sees the other. Who rings
// looks at `lookers` then, and who takes counts itself there: they lie beside the first numbers, so
// that one line of cache goes back and forth.
struct Doorbell::Page {
  pthread_mutex_t kept;
  alignas(64) std::atomic<uint32_t> turns;  // What sleepers sleep on.
  std::atomic<uint32_t> sleepers;
  std::atomic<uint32_t> lookers;
  std::atomic<uint32_t> poke;
  std::atomic<uint64_t> rung[kWords];
  std::atomic<uint32_t> places;  // Of the sleepers, but for the last one.
};

Doorbell::Doorbell(std::shared_ptr<Segment> memory)
    : memory_(std::move(memory)), page_(*reinterpret_cast<Page*>(memory_->data())) {}

Result<std::shared_ptr<Doorbell>> Doorbell::create() {
  LP_TRY_ASSIGN(auto memory, Segment::create(sizeof(Page)));
  auto doorbell = std::shared_ptr<Doorbell>(new Doorbell(std::move(memory)));
  pthread_mutexattr_t kind;
  ::pthread_mutexattr_init(&kind);
  ::pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
  ::pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
  const int made = ::pthread_mutex_init(&doorbell->page_.kept, &kind);
  ::pthread_mutexattr_destroy(&kind);
  LP_CHECK(made == 0);
  return doorbell;
}

Result<std::shared_ptr<Doorbell>> Doorbell::open(base::Fd memory) {
  LP_TRY_ASSIGN(auto segment, Segment::open(std::move(memory), sizeof(Page)));
  if (!segment->make_writable())
    return Error(Code::kInvalidArgument, "a doorbell that cannot be rung");
  return std::shared_ptr<Doorbell>(new Doorbell(std::move(segment)));
}

bool Doorbell::ring(uint32_t number, bool crowded) {
  const uint64_t bit = uint64_t{1} << (number % kWordBits);
  std::atomic<uint64_t>& word = page_.rung[number / kWordBits];
  word.fetch_or(bit);
  // A thread that has just answered is about to look.
  int looks = crowded ? 0 : kGrace;
  do {
    if (page_.lookers.load() > 0 || (word.load() & bit) == 0) return false;
    Spin::relax();
  } while (looks-- > 0);
  return wake_one();
}

bool Doorbell::insist(uint32_t number) { return pending(number) && wake_one(); }

bool Doorbell::pending(uint32_t number) const {
  return (page_.rung[number / kWordBits].load() >> (number % kWordBits) & 1) != 0;
}

bool Doorbell::wake_one() {
  if (anybody_sleeps()) {
    nudge(1);
    return false;
  }
  return page_.poke.load() != 0 && page_.poke.exchange(0) != 0;
}

bool Doorbell::kept() const {
#ifdef __GLIBC__
  // Every client asks before each call: to try the lock would take its line from all others. Its
  // first word is the kernel's to mark (see "robust futexes" in its documentation).
  const auto word = static_cast<uint32_t>(
      std::atomic_ref(page_.kept.__data.__lock).load(std::memory_order_acquire));
  if ((word & FUTEX_TID_MASK) != 0 && (word & FUTEX_OWNER_DIED) == 0) return true;
#endif
  const int answer = ::pthread_mutex_trylock(&page_.kept);
  if (answer == 0 || answer == EOWNERDEAD) ::pthread_mutex_unlock(&page_.kept);
  return answer == EBUSY;
}

void Doorbell::use(uint32_t number) {
  const uint32_t words = number / kWordBits + 1;
  uint32_t before = words_.load();
  while (before < words && !words_.compare_exchange_weak(before, words)) {
  }
}

void Doorbell::keep() { ::pthread_mutex_lock(&page_.kept); }
void Doorbell::let_go() { ::pthread_mutex_unlock(&page_.kept); }

std::optional<uint32_t> Doorbell::take() {
  const uint32_t words = words_.load();
  if (words == 0) return std::nullopt;
  const uint32_t first = first_.load(std::memory_order_relaxed);
  const uint64_t before = (uint64_t{1} << (first % kWordBits)) - 1;  // Looked at last.
  uint32_t word = first / kWordBits % words;
  for (uint32_t i = 0; i <= words; ++i, word = word + 1 == words ? 0 : word + 1) {
    uint64_t bits = page_.rung[word].load();
    if (i == 0) bits &= ~before;
    if (i == words) bits &= before;
    while (bits != 0) {
      const uint64_t bit = bits & (~bits + 1);
      bits &= ~bit;
      if ((page_.rung[word].fetch_and(~bit) & bit) == 0) continue;
      const uint32_t number = word * kWordBits + static_cast<uint32_t>(std::countr_zero(bit));
      first_.store(number + 1, std::memory_order_relaxed);
      return number;
    }
  }
  return std::nullopt;
}

bool Doorbell::rung() const {
  const uint32_t words = words_.load();
  for (uint32_t i = 0; i < words; ++i) {
    if (page_.rung[i].load() != 0) return true;
  }
  return false;
}

void Doorbell::look(bool looking) {
  if (looking)
    page_.lookers.fetch_add(1);
  else
    page_.lookers.fetch_sub(1);
}

uint32_t Doorbell::take_place() {
  uint32_t places = page_.places.load();
  uint32_t place = 0;
  do {
    place = ~places & (places + 1);
    if (place == kLastPlace || place == 0) return kLastPlace;
  } while (!page_.places.compare_exchange_weak(places, places | place));
  return place;
}

Doorbell::Bed Doorbell::enter() {
  const uint32_t turn = page_.turns.load();
  const uint32_t place = take_place();
  page_.sleepers.fetch_add(1);
  return {turn, place};
}

void Doorbell::sleep(Bed bed) { futex_wait_as(page_.turns, bed.turn, bed.place); }

void Doorbell::leave(Bed bed) {
  page_.sleepers.fetch_sub(1);
  if (bed.place != kLastPlace) page_.places.fetch_and(~bed.place);
}

bool Doorbell::anybody_sleeps() const { return page_.sleepers.load() > 0; }

bool Doorbell::nudge(int count) {
  page_.turns.fetch_add(1);
  const uint32_t places = page_.places.load();
  const uint32_t lowest = places & (~places + 1);
  // It may be on its way out of bed already.
  if (count == 1 && lowest != 0 && futex_wake(page_.turns, 1, lowest) > 0) return true;
  return futex_wake(page_.turns, count) > 0;
}

void Doorbell::ask_for_poke() { page_.poke.store(1); }

}  // namespace lp::shm
