# What the plug-in is made of, for nvcc here and for the emulation in tests/cuda.
set(kernels attention.cu attention_backward.cu attention_cached.cu attention_mma.cu attention_mma_backward.cu check.cu classifier.cu column_sum.cu dropout.cu elementwise.cu
            embedding.cu embedding_backward.cu epilogue.cu head_norm.cu norm.cu norm_backward.cu rotary.cu squared_error.cu
            swiglu.cu update.cu)
set(sources architectures.c attention.c attention_cached.c classifier.c device.c dropout.c elementwise.c embedding.c failure.c head_norm.c linear.c norm.c
            ../../base/clock.c ../../base/tensor.c operations.c peers.c plugin.c products.c gpus.c rotary.c stream.c swiglu.c update.c)
# The transport that it brings along, where there is nccl.h (SLUICE_HAS_NCCL).
set(nccl_sources gather.c join.c library.c poll.c post.c transport.c)
list(TRANSFORM nccl_sources PREPEND ../../transport/nccl/)
list(APPEND nccl_sources ../../transport/host_gather.c)
