# core.cmake: the sources of this target, and how every C file of the project is compiled.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# No contraction of a * b + c: every kernel must round alike. No errno from sqrt: it is then one instruction.
add_library(gigavector_flags INTERFACE)
target_compile_options(gigavector_flags INTERFACE
    -ffp-contract=off -fno-math-errno -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wmissing-prototypes
    $<$<BOOL:${GV_WERROR}>:-Werror>)
target_compile_definitions(gigavector_flags INTERFACE _POSIX_C_SOURCE=200809L) # rwlocks are not in plain C11
if(APPLE)
    target_compile_definitions(gigavector_flags INTERFACE _DARWIN_C_SOURCE) # F_FULLFSYNC and sysctlbyname() are not in POSIX
endif()
if(GV_SANITIZE)
    target_compile_options(gigavector_flags INTERFACE
        -fsanitize=${GV_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(gigavector_flags INTERFACE -fsanitize=${GV_SANITIZE})
endif()
if(GV_COVERAGE)
    target_compile_options(gigavector_flags INTERFACE --coverage -fprofile-update=atomic)
    target_link_options(gigavector_flags INTERFACE --coverage)
endif()

file(GLOB core_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/*/*.c)

# The kernels of this target, best last; scalar.c is everywhere. Those of others are left out.
set(x86_kernels sse41 avx2 avx512)
set(arm_kernels neon neon_dot)
set(wasm_kernels wasm128)
set(processor "${CMAKE_SYSTEM_PROCESSOR}")
if(APPLE AND CMAKE_OSX_ARCHITECTURES) # which may be the other one of the two
    set(processor "${CMAKE_OSX_ARCHITECTURES}")
endif()
if(EMSCRIPTEN)
    set(kernels ${wasm_kernels})
elseif(processor MATCHES "^(x86_64|AMD64|amd64)$")
    set(kernels ${x86_kernels})
elseif(processor MATCHES "^(aarch64|arm64|ARM64)$")
    set(kernels ${arm_kernels})
else()
    set(kernels "")
endif()
set(foreign_kernels ${x86_kernels} ${arm_kernels} ${wasm_kernels})
list(REMOVE_ITEM foreign_kernels scalar ${kernels}) # scalar, so that there is always one
list(TRANSFORM foreign_kernels REPLACE "(.+)" "kernels/\\1.c")

set(foreign query/terms_scan.c) # of the small WebAssembly module alone (wasm.cmake)
if(EMSCRIPTEN)
    list(APPEND foreign storage/vfs_posix.c)
else()
    list(APPEND foreign base/malloc_wasm.c base/sort_wasm.c storage/vfs_host.c)
endif()
foreach(file IN LISTS foreign foreign_kernels)
    list(REMOVE_ITEM core_sources ${PROJECT_SOURCE_DIR}/src/${file})
endforeach()

# One file an instruction set; which one runs is decided at run time (src/kernels/cpu.c).
function(gv_kernel_flags name)
    set_source_files_properties(${PROJECT_SOURCE_DIR}/src/kernels/${name}.c PROPERTIES COMPILE_OPTIONS "${ARGN}")
endfunction()
gv_kernel_flags(sse41 -msse4.1)
gv_kernel_flags(avx2 -mavx2 -mf16c)
gv_kernel_flags(avx512 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni)
gv_kernel_flags(neon_dot -march=armv8.2-a+dotprod)

add_library(gigavector_core OBJECT ${core_sources})
set_target_properties(gigavector_core PROPERTIES POSITION_INDEPENDENT_CODE ON)
target_include_directories(gigavector_core PUBLIC ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
target_compile_definitions(gigavector_core PRIVATE GV_VERSION="${PROJECT_VERSION}")
target_link_libraries(gigavector_core PRIVATE gigavector_flags)
if(EMSCRIPTEN)
    target_compile_options(gigavector_core PRIVATE -msimd128)
    # what runs once a call or once a file is made small: the module is downloaded
    file(GLOB cold_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/api/*.c ${PROJECT_SOURCE_DIR}/src/storage/*.c
        ${PROJECT_SOURCE_DIR}/src/base/*.c ${PROJECT_SOURCE_DIR}/src/query/*.c
        ${PROJECT_SOURCE_DIR}/src/index/hnsw_[bclprs]*.c ${PROJECT_SOURCE_DIR}/src/index/ivfpq.c
        ${PROJECT_SOURCE_DIR}/src/index/ivfpq_[lst]*.c ${PROJECT_SOURCE_DIR}/src/kernels/scalar.c)
    list(FILTER cold_sources EXCLUDE REGEX "hnsw_(blocks|rank|search|select).c$|ivfpq_search.c$|topk.c$|crc32c.c$")
    set_property(SOURCE ${cold_sources} APPEND PROPERTY COMPILE_OPTIONS -Os)
    # bundlers warn of files above 250,000 bytes; these are as fast
    set_property(SOURCE ${PROJECT_SOURCE_DIR}/src/kernels/wasm128.c APPEND PROPERTY COMPILE_OPTIONS -O2 -fno-unroll-loops)
    # loops here are short: made for vectors or unrolled they are larger and no faster
    foreach(name hnsw_blocks hnsw_search hnsw_select)
        set_property(SOURCE ${PROJECT_SOURCE_DIR}/src/index/${name}.c APPEND PROPERTY COMPILE_OPTIONS -fno-vectorize -fno-unroll-loops)
    endforeach()
    foreach(name coded_scan ivfpq_search kdtree_search kmeans)
        set_property(SOURCE ${PROJECT_SOURCE_DIR}/src/index/${name}.c APPEND PROPERTY COMPILE_OPTIONS -O2)
    endforeach()
    foreach(name ivfpq_model ivfpq_rows decoded_scan)
        set_property(SOURCE ${PROJECT_SOURCE_DIR}/src/index/${name}.c APPEND PROPERTY COMPILE_OPTIONS -Os)
    endforeach()
    # and these smaller yet, which -Oz does not do to most
    set_property(SOURCE ${PROJECT_SOURCE_DIR}/src/base/malloc_wasm.c APPEND PROPERTY COMPILE_OPTIONS -fno-builtin)
    foreach(name base/number base/slab base/status index/hnsw_lazy storage/log_read storage/image storage/keys storage/metadata storage/sparse_row
            storage/vfs_memory api/apply api/care api/compact api/find api/groups api/declared_keys api/recover api/upsert api/write
            query/expression query/expression_parse kernels/scalar index/hnsw_check index/hnsw_order index/hnsw_save
            query/terms query/terms_check query/terms_find query/terms_load query/terms_numbers query/terms_postings query/terms_save query/terms_values
            index/ivfpq index/ivfpq_group index/ivfpq_lists index/ivfpq_save index/ivfpq_scratch index/ivfpq_train
            index/kdtree index/kdtree_build index/sparse
            index/flat index/hnsw_insert index/hnsw_pivots index/hnsw_remove index/hnsw_scratch index/hnsw_twins index/row_codes index/scan)
        set_property(SOURCE ${PROJECT_SOURCE_DIR}/src/${name}.c APPEND PROPERTY COMPILE_OPTIONS -Oz)
    endforeach()
endif()
