# What `cmake --install` lays down for a C++ user: archive, headers, and the package for
# find_package(launchpad). The Python package is a component of its own, `python`: see
# bindings/CMakeLists.txt.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

function(lp_install_library name)
  set(package "${CMAKE_INSTALL_LIBDIR}/cmake/${name}")
  install(TARGETS ${name} EXPORT ${name}-targets
          ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development)
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/cpp/launchpad/"
          DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/launchpad" COMPONENT development
          FILES_MATCHING PATTERN "*.h")
  install(EXPORT ${name}-targets NAMESPACE ${name}:: DESTINATION "${package}"
          COMPONENT development)
  configure_package_config_file(
    "${PROJECT_SOURCE_DIR}/cmake/launchpad-config.cmake.in"
    "${PROJECT_BINARY_DIR}/${name}-config.cmake" INSTALL_DESTINATION "${package}")
  write_basic_package_version_file("${PROJECT_BINARY_DIR}/${name}-config-version.cmake"
                                   COMPATIBILITY SameMinorVersion)
  install(FILES "${PROJECT_BINARY_DIR}/${name}-config.cmake"
                "${PROJECT_BINARY_DIR}/${name}-config-version.cmake"
          DESTINATION "${package}" COMPONENT development)
endfunction()
