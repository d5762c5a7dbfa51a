import { useQuery } from '@tanstack/react-query';

import { formOf } from '@/features/sources/api/uploads';

const most = 65_536;

/** The first letters of a table's file; undefined while they are read, '' for what is no table or cannot be looked into here. */
export function useHead(file: File): string | undefined {
  const { data, isError } = useQuery({
    queryKey: ['upload', 'head', file.name, file.size, file.lastModified], queryFn: () => headOf(file), staleTime: Infinity, gcTime: 0,
  });
  return isError ? '' : data;
}

async function headOf(file: File): Promise<string> {
  const { form, encoding } = formOf(file.name);
  if (form !== 'csv' || encoding === 'zstd') return '';
  const start = file.slice(0, most);
  if (encoding === undefined) return await start.text();
  const reader = start.stream().pipeThrough(new DecompressionStream('gzip')).pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  try {
    while (text.length < most) {
      const { done, value } = await reader.read();
      if (done) break;
      text += value;
    }
  } catch {
    // The cut ends the compressed data early; what came before it is whole.
  }
  return text;
}
