# bash completion for quire(1)                             -*- shell-script -*-
# SPDX-License-Identifier: MIT

_quire()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	local verb=${COMP_WORDS[1]} i
	local machine='-m --cpus --numa --numa-distance --accel --cpu --icount --append --timeout
		--verbose --help'

	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		COMPREPLY=($(compgen -W 'run selftest help --version' -- "$cur"))
		return
	fi
	# After -- or the program's name its own words follow.
	if [ "$verb" = run ]; then
		for ((i = 2; i < COMP_CWORD; i++)); do
			case ${COMP_WORDS[i]} in
			--) break ;;
			-m|--cpus|--numa|--numa-distance|--accel|--cpu|--append|--timeout|--file|--env|--log)
				i=$((i + 1)) ;;
			-*) ;;
			*) break ;;
			esac
		done
		if [ "$i" -lt "$COMP_CWORD" ]; then
			COMPREPLY=($(compgen -f -- "$cur"))
			return
		fi
	fi
	case $prev in
	--accel) COMPREPLY=($(compgen -W 'auto kvm tcg' -- "$cur")); return ;;
	--file|--log) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--env) COMPREPLY=($(compgen -v -- "$cur")); return ;;
	-m|--numa) COMPREPLY=($(compgen -W '64M 256M 1G' -- "$cur")); return ;;
	esac
	case $verb in
	run)
		COMPREPLY=($(compgen -W "$machine --file --env --log --dry-run" \
			-- "$cur"))
		[[ $cur == -* ]] || COMPREPLY+=($(compgen -c -- "$cur")) ;;
	selftest) COMPREPLY=($(compgen -W "$machine" -- "$cur")) ;;
	help) COMPREPLY=($(compgen -W 'run selftest help' -- "$cur")) ;;
	esac
}
complete -o filenames -F _quire quire
