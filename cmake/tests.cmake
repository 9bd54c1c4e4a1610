# tests.cmake: every tests/unit/test_<name>.c is one program and one test, here and (under Node) as WebAssembly.
# A name that ends in _native.c needs threads, files or processes, and is not built for WebAssembly.

if(EMSCRIPTEN)
    set(CMAKE_CROSSCOMPILING_EMULATOR node ${PROJECT_SOURCE_DIR}/scripts/run-wasm.mjs)
    set(CMAKE_EXECUTABLE_SUFFIX .wasm)
endif()

# gv_test_program(name source...): a program over the static library, hidden internals included.
function(gv_test_program name)
    add_executable(${name} ${ARGN})
    target_include_directories(${name} PRIVATE
        ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/tests/unit)
    target_link_libraries(${name} PRIVATE gigavector_static gigavector_flags)
    if(EMSCRIPTEN)
        target_compile_options(${name} PRIVATE -msimd128)
        target_link_libraries(${name} PRIVATE gigavector_wasm_link)
    endif()
endfunction()

# what takes long begins early, so that no core idles at the end; others are 0
set(test_batch_native_cost 150)
set(test_model_cost 100)

file(GLOB unit_tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/unit/test_*.c)
foreach(source IN LISTS unit_tests)
    cmake_path(GET source STEM name)
    if(EMSCRIPTEN AND name MATCHES "_(native|posix)$")
        continue()
    endif()
    gv_test_program(${name} ${source})
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT 600 COST "${${name}_cost}")
endforeach()

if("neon" IN_LIST kernels AND CMAKE_CROSSCOMPILING)
    # a CPU from before the dot product: kernels with it are not chosen, and nothing else has it inside
    add_test(NAME test_kernels_armv8_0 COMMAND test_kernels)
    set_tests_properties(test_kernels_armv8_0 PROPERTIES TIMEOUT 600 ENVIRONMENT QEMU_CPU=cortex-a57)
endif()

foreach(folder conformance crash bench)
    if(EXISTS ${PROJECT_SOURCE_DIR}/tests/${folder}/CMakeLists.txt)
        add_subdirectory(${PROJECT_SOURCE_DIR}/tests/${folder} tests/${folder})
    endif()
endforeach()
