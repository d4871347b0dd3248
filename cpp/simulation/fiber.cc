#include "simulation/fiber.h"

#include <cxxabi.h>
#include <link.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "launchpad/base/check.h"

#if !defined(__x86_64__)
#include <ucontext.h>
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

#if defined(__x86_64__)
// swapcontext(3) would ask the kernel for the signal mask each time.
extern "C" void lp_simulation_switch(void** from, void* to);
asm(R"(
.text
.type lp_simulation_switch, @function
lp_simulation_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size lp_simulation_switch, .-lp_simulation_switch
)");
#endif

namespace lp::simulation {
namespace {

constexpr size_t kStackBytes = 256 * 1024;

// The program's own thread_locals, as the one real thread has them.
struct Locals {
  std::byte* here = nullptr;
  size_t size = 0;
  const std::byte* image = nullptr;  // What a new thread's begin with; the rest is zero.
  size_t image_size = 0;
};

int find_locals(dl_phdr_info* info, size_t, void* out) {
  auto& locals = *static_cast<Locals*>(out);
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    if (header.p_type != PT_TLS) continue;
    locals.here = static_cast<std::byte*>(info->dlpi_tls_data);
    locals.size = header.p_memsz;
    locals.image = reinterpret_cast<const std::byte*>(info->dlpi_addr + header.p_vaddr);
    locals.image_size = header.p_filesz;
  }
  return 1;  // The program itself is the first of the list.
}

const Locals& locals() {
  static const Locals found = [] {
    Locals locals;
    ::dl_iterate_phdr(&find_locals, &locals);
    return locals;
  }();
  return found;
}

// What the language's runtime keeps of the exceptions in flight.
struct Exceptions {
  void* caught;
  unsigned int uncaught;
};
Exceptions& exceptions() { return *reinterpret_cast<Exceptions*>(abi::__cxa_get_globals()); }

Fiber* starting = nullptr;

}  // namespace

Fiber::Fiber() : locals_(locals().size), others_(locals().size) {
  void* const memory = ::mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  LP_CHECK(memory != MAP_FAILED);
  ::mprotect(memory, 4096, PROT_NONE);
  stack_ = static_cast<std::byte*>(memory);
#if !defined(__x86_64__)
  own_ = new ucontext_t();
  other_ = new ucontext_t();
#endif
#if defined(__SANITIZE_THREAD__)
  sanitizer_own_ = __tsan_create_fiber(0);
#endif
}

Fiber::~Fiber() {
  ::munmap(stack_, kStackBytes);
#if !defined(__x86_64__)
  delete static_cast<ucontext_t*>(own_);
  delete static_cast<ucontext_t*>(other_);
#endif
#if defined(__SANITIZE_THREAD__)
  __tsan_destroy_fiber(sanitizer_own_);
#endif
}

void Fiber::start(std::function<void()> body) {
  LP_CHECK(finished_);
  finished_ = false;
#if defined(__SANITIZE_ADDRESS__)
  // What the last body left there, which never returned.
  __asan_unpoison_memory_region(stack_, kStackBytes);
#endif
  body_ = std::move(body);
  std::memset(locals_.data(), 0, locals_.size());
  if (locals().image_size > 0) std::memcpy(locals_.data(), locals().image, locals().image_size);
#if defined(__x86_64__)
  auto* const top = reinterpret_cast<void**>(stack_ + kStackBytes);
  top[-1] = nullptr;  // Nobody to return to.
  top[-2] = reinterpret_cast<void*>(&Fiber::enter);
  for (int i = 3; i <= 8; ++i) top[-i] = nullptr;
  own_ = top - 8;
#else
  auto* const context = static_cast<ucontext_t*>(own_);
  ::getcontext(context);
  context->uc_stack.ss_sp = stack_;
  context->uc_stack.ss_size = kStackBytes;
  context->uc_link = nullptr;
  ::makecontext(context, &Fiber::enter, 0);
#endif
}

void Fiber::enter() { std::exchange(starting, nullptr)->run(); }

void Fiber::run() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &other_stack_, &other_size_);
#endif
  body_();
  body_ = nullptr;
  finished_ = true;
  switch_out();
  LP_CHECK(false) << "a finished fiber was resumed";
}

void Fiber::resume() {
  const int error = errno;
  const Exceptions in_flight = std::exchange(exceptions(), Exceptions{});
  std::memcpy(others_.data(), locals().here, others_.size());
  std::memcpy(locals().here, locals_.data(), locals_.size());
  starting = this;
  switch_in();
  std::memcpy(locals_.data(), locals().here, locals_.size());
  std::memcpy(locals().here, others_.data(), others_.size());
  exceptions() = in_flight;
  errno = error;
}

void Fiber::pause() {
  const int error = errno;
  const Exceptions in_flight = std::exchange(exceptions(), Exceptions{});
  switch_out();
  exceptions() = in_flight;
  errno = error;
}

void Fiber::switch_in() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&sanitizer_other_, stack_, kStackBytes);
#endif
#if defined(__SANITIZE_THREAD__)
  sanitizer_other_ = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(sanitizer_own_, 0);
#endif
#if defined(__x86_64__)
  lp_simulation_switch(&other_, own_);
#else
  ::swapcontext(static_cast<ucontext_t*>(other_), static_cast<ucontext_t*>(own_));
#endif
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(sanitizer_other_, nullptr, nullptr);
#endif
}

void Fiber::switch_out() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(finished_ ? nullptr : &sanitizer_own_, other_stack_, other_size_);
#endif
#if defined(__SANITIZE_THREAD__)
  __tsan_switch_to_fiber(sanitizer_other_, 0);
#endif
#if defined(__x86_64__)
  lp_simulation_switch(&own_, other_);
#else
  ::swapcontext(static_cast<ucontext_t*>(own_), static_cast<ucontext_t*>(other_));
#endif
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(sanitizer_own_, &other_stack_, &other_size_);
#endif
}

}  // namespace lp::simulation
