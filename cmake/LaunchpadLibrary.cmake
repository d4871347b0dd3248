# lp_library(): one folder = one layer = one object library; lp_programs(): one .cc = one program.
# Sources are found by their names, so adding a file needs no edit here:
#   x.cc              part of the layer
#   x_test.cc         part of the layer's GoogleTest program <layer>_test
#   x_test_program.cc a program of its own for the tests, in <build>/test_programs/
#   x_fuzz.cc         a libFuzzer target of its own, in <build>/fuzz/

# lp_library(layer DEPS other layers...): cpp/launchpad/CMakeLists.txt calls it for each layer, and
# so is the layer diagram.
function(lp_library layer)
  cmake_parse_arguments(arg "" "" "DEPS" ${ARGN})
  set(folder "${CMAKE_CURRENT_SOURCE_DIR}/${layer}")
  file(GLOB sources CONFIGURE_DEPENDS "${folder}/*.cc")
  file(GLOB tests CONFIGURE_DEPENDS "${folder}/*_test.cc")
  file(GLOB programs CONFIGURE_DEPENDS "${folder}/*_test_program.cc")
  file(GLOB fuzzers CONFIGURE_DEPENDS "${folder}/*_fuzz.cc")
  if(sources)
    list(REMOVE_ITEM sources ${tests} ${programs} ${fuzzers})
  endif()

  list(TRANSFORM arg_DEPS PREPEND lp_ OUTPUT_VARIABLE dependencies)
  if(sources)
    add_library(lp_${layer} OBJECT ${sources})
    target_link_libraries(lp_${layer} PRIVATE lp_private)
    set(scope PUBLIC)
  else()
    add_library(lp_${layer} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(lp_${layer} ${scope} "${PROJECT_SOURCE_DIR}/cpp")
  target_link_libraries(lp_${layer} ${scope} ${dependencies} Threads::Threads)

  set_property(GLOBAL APPEND PROPERTY lp_layers lp_${layer})
  set_property(GLOBAL PROPERTY lp_test_programs_of_${layer} "${programs}")
  if(LAUNCHPAD_BUILD_TESTS AND tests)
    lp_layer_test(${layer} SOURCES ${tests} DEPS ${dependencies})
  endif()
  if(LAUNCHPAD_BUILD_FUZZ AND fuzzers)
    lp_fuzzers(${layer} SOURCES ${fuzzers} DEPS ${dependencies})
  endif()
endfunction()

# A layer's fuzz targets, each linked to it and those below. All code needs
# LAUNCHPAD_SANITIZE=fuzzer-no-link;address;undefined.
function(lp_fuzzers layer)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  foreach(source IN LISTS arg_SOURCES)
    get_filename_component(name "${source}" NAME_WE)
    add_executable(${name} "${source}")
    target_link_libraries(${name} PRIVATE lp_${layer} ${arg_DEPS} lp_private)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/fuzz")
    set_property(GLOBAL APPEND PROPERTY lp_fuzz_targets ${name})
  endforeach()
endfunction()

# A layer's test is linked to it and those below: a broken upper layer does not stop it.
function(lp_layer_test layer)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${layer}_test ${arg_SOURCES})
  target_link_libraries(${layer}_test PRIVATE lp_${layer} ${arg_DEPS} lp_private GTest::gtest_main)
  target_compile_definitions(${layer}_test PRIVATE
    LP_TEST_PROGRAMS="${PROJECT_BINARY_DIR}/test_programs")
  gtest_discover_tests(${layer}_test
    TEST_PREFIX "${layer}: " DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 120)
endfunction()

# One archive of all layers' objects: what users link. It needs threads, lz4, zstd and
# OpenSSL.
function(lp_archive name)
  get_property(layers GLOBAL PROPERTY lp_layers)
  add_library(${name} STATIC)
  add_library(${name}::${name} ALIAS ${name})
  foreach(layer IN LISTS layers)
    get_target_property(type ${layer} TYPE)
    if(type STREQUAL "OBJECT_LIBRARY")
      target_sources(${name} PRIVATE $<TARGET_OBJECTS:${layer}>)
    endif()
  endforeach()
  target_include_directories(${name} PUBLIC
    "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/cpp>" "$<INSTALL_INTERFACE:include>")
  target_compile_features(${name} PUBLIC cxx_std_20)
  target_link_libraries(${name} PUBLIC Threads::Threads lz4 zstd ssl crypto)

  if(LAUNCHPAD_BUILD_TESTS)
    lp_test_programs(${name} ${layers})
  endif()
endfunction()

function(lp_test_programs name)
  list(TRANSFORM ARGN REPLACE "^lp_" "" OUTPUT_VARIABLE layers)
  foreach(layer IN LISTS layers)
    get_property(sources GLOBAL PROPERTY lp_test_programs_of_${layer})
    foreach(source IN LISTS sources)
      lp_program("${source}" FOLDER test_programs)
      get_filename_component(program "${source}" NAME_WE)
      if(TARGET ${layer}_test)
        add_dependencies(${layer}_test test_programs_${program})
      endif()
    endforeach()
  endforeach()
endfunction()

# lp_program(x.cc FOLDER examples): the program <build>/examples/x, target examples_x.
function(lp_program source)
  cmake_parse_arguments(arg "" "FOLDER" "" ${ARGN})
  get_filename_component(program "${source}" NAME_WE)
  set(target ${arg_FOLDER}_${program})
  add_executable(${target} "${source}")
  target_link_libraries(${target} PRIVATE launchpad::launchpad lp_private)
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME ${program} RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/${arg_FOLDER}")
endfunction()

# lp_programs(examples FOLDER examples/cpp): a program for each .cc of the folder; the target
# `examples` makes all.
function(lp_programs group)
  cmake_parse_arguments(arg "" "FOLDER" "" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${arg_FOLDER}/*.cc")
  add_custom_target(${group})
  foreach(source IN LISTS sources)
    lp_program("${source}" FOLDER ${group})
    get_filename_component(program "${source}" NAME_WE)
    add_dependencies(${group} ${group}_${program})
  endforeach()
endfunction()
