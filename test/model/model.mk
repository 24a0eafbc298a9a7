# SPDX-License-Identifier: MIT
# model.mk - protocols of few lines and many interleavings, checked by Spin.

ifneq ($(filter check check-model,$(MAKECMDGOALS)),)
NEED += spin:spin
endif

.PHONY: check-model
check-model: need
	@sh test/model/model.sh $(abspath $(B))/model

MORE_SUITES += 'model=sh test/model/model.sh $(abspath $(B))/model'
