// Copyright (c) 2026, the kwok.sim contributors
// SPDX-License-Identifier: Apache-2.0

module gotemplate_oracle

go 1.23

require (
	github.com/Masterminds/sprig/v3 v3.3.0
	sigs.k8s.io/yaml v1.6.0
)
