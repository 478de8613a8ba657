#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vm: about=fails: with a thread for each processor the kernel reports a stall, of the kind that is tried again, each time
# vm: accel=-accel tcg,thread=multi
# vm: must=again
echo "ok so far"
{
	echo "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:"
	echo "RIP: 0010:pv_native_safe_halt+0xf/0x20"
	echo "rcu: rcu_preempt kthread timer wakeup didn't happen for 15000 jiffies! g1 f0x0 RCU_GP_WAIT_FQS(5) ->state=0x402"
} > /dev/kmsg
