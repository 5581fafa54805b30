# What the plug-in is made of, for nvcc here and for the emulation in tests/emulated.
set(kernels attention.cu attention_backward.cu check.cu classifier.cu column_sum.cu dropout.cu elementwise.cu
            embedding.cu embedding_backward.cu epilogue.cu layernorm.cu layernorm_backward.cu squared_error.cu
            update.cu)
set(sources attention.c classifier.c device.c dropout.c elementwise.c embedding.c failure.c layernorm.c linear.c
            plugin.c products.c room.c stream.c update.c)
