/* SPDX-License-Identifier: MIT */
/* transport.h -- the transport that the plug-in brings along, if it was built with one. */
#ifndef SLUICE_DEVICE_CUDA_TRANSPORT_H
#define SLUICE_DEVICE_CUDA_TRANSPORT_H

#include "runtime/transport/transport.h"

/* NCCL (runtime/transport/nccl/). */
const sluice__transport_ops *sluice__cuda_transport(void);

#endif
