# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Completion for bash: `make install` puts it where the package bash-completion finds it, or source it.
# tests/host/commands.sh holds it against `iommufd-lsm help`.

# Words that begin like what stands before the cursor. bash cuts words at colons, and wants them cut.
_iommufd_lsm_reply() {
	local before=${COMP_LINE:0:COMP_POINT} cut=""
	local word=${before##* }

	case $COMP_WORDBREAKS$word in
	*:*:*) cut=${word%"${word##*:}"} ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$word")
	COMPREPLY=("${COMPREPLY[@]#"$cut"}")
}

_iommufd_lsm_addresses() {
	_iommufd_lsm_reply "$(cd /sys/bus/pci/devices 2>/dev/null && echo *)"
}

_iommufd_lsm() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command="" i
	local options="-j --json -v --verbose -h --help -V --version"

	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--who | --op | --device | --from | --to) ((i++)) ;;
		-*) ;;
		*)
			command=${COMP_WORDS[i]}
			break
			;;
		esac
	done
	case $previous in
	--op)
		_iommufd_lsm_reply "open ioas-alloc ioas-name hwpt-alloc device-open bind attach move detach recheck"
		return
		;;
	--device)
		_iommufd_lsm_addresses
		return
		;;
	--who | --from | --to) return ;;
	esac
	if [[ $current == -* ]]; then
		case $command in
		explain) options+=" --who --op --device --from --to" ;;
		load) options+=" --revoke --dry-run" ;;
		status) options+=" --graph" ;;
		esac
		_iommufd_lsm_reply "$options"
		return
	fi
	case $command in
	"") _iommufd_lsm_reply "check explain diff load revoke unload status list log suggest why metrics probe help" ;;
	help) _iommufd_lsm_reply "check explain diff load revoke unload status list log suggest why metrics probe help" ;;
	check | explain | diff | load | suggest) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
	why | revoke) _iommufd_lsm_addresses ;;
	esac
}

complete -o filenames -F _iommufd_lsm iommufd-lsm
