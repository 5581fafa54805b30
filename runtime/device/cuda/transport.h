/* SPDX-License-Identifier: MIT */
/* transport.h -- the transport that the plug-in offers, if it was built with it. */
#ifndef SLUICE_DEVICE_CUDA_TRANSPORT_H
#define SLUICE_DEVICE_CUDA_TRANSPORT_H

#include "runtime/transport/transport.h"

/* runtime/transport/nccl/ */
extern const sluice__transport_ops sluice__nccl_ops;

#endif
