import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const TICKS = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** CPU seconds that a process has used so far, its own threads included (proc(5), utime + stime). */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** PostgreSQL is many processes: the postmaster and its children, the ones that have ended counted in by the kernel. */
export function postgresCpuSeconds(postmaster: number): number {
  const own = readFileSync(`/proc/${postmaster}/stat`, 'utf8').split(') ')[1]!.split(' ');
  const ended = (Number(own[13]) + Number(own[14])) / TICKS;
  return childrenOf(postmaster).reduce(
    (sum, pid) => sum + (isThere(pid) ? cpuSeconds(pid) : 0),
    ended + cpuSeconds(postmaster),
  );
}

/** A worker of PostgreSQL's may end between being listed and being looked at. */
const isThere = (pid: number): boolean => existsSync(`/proc/${pid}/stat`);

export function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[1]) === parent;
      } catch {
        return false;
      }
    });
}

/** Megabytes in memory; shared pages are counted once over all (proportional set size). */
export function memoryMegabytes(pids: readonly number[]): number {
  const kilobytes = pids.reduce((sum, pid) => {
    const found = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
    return sum + Number(found?.[1] ?? 0);
  }, 0);
  return kilobytes / 1024;
}
