# How all code of this project is compiled: C++20, hidden symbols, position independent, warnings,
# sanitizers. Third-party headers that only our own .cc files include are looked up here; users of
# the library need none.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

find_program(LAUNCHPAD_CCACHE ccache)
if(LAUNCHPAD_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${LAUNCHPAD_CCACHE}")
endif()

# lp_header_only(NAME header): the include folder of a header-only library, for private use.
function(lp_header_only name header)
  find_path(LAUNCHPAD_${name}_INCLUDE "${header}")
  if(NOT LAUNCHPAD_${name}_INCLUDE)
    message(FATAL_ERROR "launchpad: ${header} not found; on Debian: "
                        "apt-get install libspdlog-dev libfmt-dev libcli11-dev "
                        "nlohmann-json3-dev liblz4-dev libzstd-dev libssl-dev")
  endif()
  target_include_directories(lp_private SYSTEM INTERFACE "${LAUNCHPAD_${name}_INCLUDE}")
endfunction()

# What our own targets are compiled with. Never exported.
add_library(lp_private INTERFACE)
lp_header_only(SPDLOG spdlog/spdlog.h)
lp_header_only(FMT fmt/format.h)
lp_header_only(CLI11 CLI/CLI.hpp)
lp_header_only(JSON nlohmann/json.hpp)
target_compile_options(lp_private INTERFACE -Wall -Wextra)

# Runs on every x86-64 all the same. What differs: objects of up to 100 bytes are cleared by stores
# and not by a microcoded loop, which is a twentieth of a small call.
include(CheckCXXCompilerFlag)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  check_cxx_compiler_flag(-mtune=skylake-avx512 LAUNCHPAD_TUNES)
endif()
if(LAUNCHPAD_TUNES)
  target_compile_options(lp_private INTERFACE $<$<CONFIG:Release>:-mtune=skylake-avx512>)
endif()

# Libraries that whoever links ours must link too: wire/compression.cc, net/tls.cc, net/token.cc.
lp_header_only(lz4 lz4.h)
lp_header_only(zstd zstd.h)
lp_header_only(ssl openssl/ssl.h)
foreach(library lz4 zstd ssl crypto)
  find_library(LAUNCHPAD_${library}_LIBRARY ${library})
  if(NOT LAUNCHPAD_${library}_LIBRARY)
    message(FATAL_ERROR "launchpad: lib${library} not found; on Debian: "
                        "apt-get install liblz4-dev libzstd-dev libssl-dev")
  endif()
  target_link_libraries(lp_private INTERFACE ${LAUNCHPAD_${library}_LIBRARY})
endforeach()

# A compiler that we have not met may warn where ours do not: that must not stop a stranger's build.
set(tested_compilers GNU-12 Clang-14)
string(REGEX MATCH "^[0-9]+" compiler_major "${CMAKE_CXX_COMPILER_VERSION}")
if(LAUNCHPAD_WERROR AND "${CMAKE_CXX_COMPILER_ID}-${compiler_major}" IN_LIST tested_compilers)
  target_compile_options(lp_private INTERFACE -Werror)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Guesses after inlining, often wrong about the standard library: they stay warnings.
    foreach(guess array-bounds dangling-pointer free-nonheap-object maybe-uninitialized
                  mismatched-new-delete restrict stringop-overflow stringop-overread)
      target_compile_options(lp_private INTERFACE -Wno-error=${guess})
    endforeach()
  endif()
endif()

if(LAUNCHPAD_SANITIZE)
  list(JOIN LAUNCHPAD_SANITIZE "," sanitizers)
  add_compile_options(-fsanitize=${sanitizers} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${sanitizers})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ guesses worse with a sanitizer's code around; the sanitizer itself knows.
    target_compile_options(lp_private INTERFACE -Wno-maybe-uninitialized)
    if("thread" IN_LIST LAUNCHPAD_SANITIZE)
      add_compile_options(-Wno-tsan)  # It only says that atomic_thread_fence is not modelled.
    endif()
  endif()
endif()
